"""The pair objectives a second time: their equations in numpy, with loops over i and j, and no code of the package.

Each is a function of the embeddings, of what the objective holds without gradient (the same embeddings, but for
finite differences), and of its settings.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Array = np.ndarray


def cos(x: Array, y: Array) -> float:
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))


def lse(values: Iterable[float]) -> float:
    values = list(values)
    return max(values) + math.log(sum(math.exp(value - max(values)) for value in values))


def others(n: int, i: int) -> list[int]:
    return [j for j in range(n) if j != i]


def mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


def nt_xent(z: Array, z_pos: Array, held: Any, temperature: float) -> float:
    n = len(z)
    return mean(
        lse(cos(z[i], z_pos[j]) / temperature for j in range(n)) - cos(z[i], z_pos[i]) / temperature for i in range(n)
    )


def arccon(z: Array, z_pos: Array, held: Any, temperature: float, margin: float) -> float:
    m, n, total = math.radians(margin), len(z), 0.0
    for i in range(n):
        theta = math.acos(cos(z[i], z_pos[i]))
        # from −1 on, as far down as cos θ itself goes
        positive = math.cos(theta + m) if theta + m <= math.pi else -1 - math.cos(math.pi - m) + math.cos(theta)
        logits = [positive, *(cos(z[i], z_pos[j]) for j in others(n, i))]
        total += lse(logit / temperature for logit in logits) - positive / temperature
    return total / n


def dcl(z: Array, z_pos: Array, held: Any, temperature: float) -> float:
    n = len(z)
    return mean(
        lse(cos(z[i], z_pos[j]) / temperature for j in others(n, i)) - cos(z[i], z_pos[i]) / temperature
        for i in range(n)
    )


def dclw(z: Array, z_pos: Array, held: tuple[Array, Array], temperature: float, weight_sigma: float) -> float:
    n = len(z)
    closeness = [math.exp(cos(x, y) / weight_sigma) for x, y in zip(*held, strict=True)]
    weights = [2 - n * close / sum(closeness) for close in closeness]
    return mean(
        lse(cos(z[i], z_pos[j]) / temperature for j in others(n, i)) - weights[i] * cos(z[i], z_pos[i]) / temperature
        for i in range(n)
    )


def symmetric(z: Array, z_pos: Array, held: Any, temperature: float) -> float:
    return (nt_xent(z, z_pos, held, temperature) + nt_xent(z_pos, z, held, temperature)) / 2


def joint(z: Array, z_pos: Array, held: Any, temperature: float) -> float:
    n, total = len(z), 0.0
    for i in range(n):
        logits = [cos(z[i], z_pos[j]) for j in range(n)] + [cos(z[j], z_pos[i]) for j in range(n)]
        logits += [cos(x[i], x[j]) for x in (z, z_pos) for j in others(n, i)]
        total += lse(logit / temperature for logit in logits) - cos(z[i], z_pos[i]) / temperature
    return total / n


def hard_negative(
    z: Array, z_pos: Array, held: Any, temperature: float, positive_prior: float, hardness: float
) -> float:
    n, total = len(z), 0.0
    m = n - 1
    for i in range(n):
        positive = math.exp(cos(z[i], z_pos[i]) / temperature)
        negatives = [math.exp(cos(z[i], z_pos[j]) / temperature) for j in others(n, i)]
        weights = [negative**hardness for negative in negatives]
        weighted = sum(w * e for w, e in zip(weights, negatives, strict=True)) / mean(weights)
        g = (weighted - positive_prior * m * positive) / (1 - positive_prior)
        total -= math.log(positive / (positive + max(g, m * math.exp(-1 / temperature))))
    return total / n


def debiased(z: Array, z_pos: Array, held: Any, temperature: float, positive_prior: float) -> float:
    n, total = len(z), 0.0
    m = n - 1
    for i in range(n):
        positive = math.exp(cos(z[i], z_pos[i]) / temperature)
        negatives = sum(math.exp(cos(z[i], z_pos[j]) / temperature) for j in others(n, i))
        g = (negatives - positive_prior * m * positive) / (1 - positive_prior)
        total -= math.log(positive / (positive + max(g, m * math.exp(-1 / temperature))))
    return total / n


def focal(z: Array, z_pos: Array, held: Any, temperature: float, focal_margin: float) -> float:
    n, total = len(z), 0.0
    for i in range(n):
        positive = cos(z[i], z_pos[i]) ** 2 / temperature
        logits = [cos(z[i], z_pos[j]) * (cos(z[i], z_pos[j]) + focal_margin) / temperature for j in others(n, i)]
        total += lse([positive, *logits]) - positive
    return total / n


def gaussian_negatives(
    z: Array, z_pos: Array, held: Any, temperature: float, gaussian_per_sentence: int, drawn: Array
) -> float:
    n, total = len(z), 0.0
    assert len(drawn) == gaussian_per_sentence * n
    for i in range(n):
        logits = [cos(z[i], y) / temperature for y in [*z_pos, *drawn]]
        total += lse(logits) - logits[i]
    return total / n


def mixed_negatives(z: Array, z_pos: Array, held: tuple[Array, Array], temperature: float, mix_share: float) -> float:
    n, total = len(z), 0.0
    mixed, mixed_pos = (
        [
            mix_share * x[i] / np.linalg.norm(x[i])
            + (1 - mix_share) * x[(i + 1) % n] / np.linalg.norm(x[(i + 1) % n])
            for i in range(n)
        ]
        for x in held
    )
    for i in range(n):
        logits = [cos(z[i], y) for y in z_pos]
        logits += [cos(z[i], mixed_pos[j]) for j in range(n) if j != (i - 1) % n]
        logits += [cos(mixed[i], z_pos[j]) for j in range(n) if j != (i + 1) % n]
        total += lse(logit / temperature for logit in logits) - logits[i] / temperature
    return total / n


def max_margin_cosine(z: Array, z_pos: Array, held: Any, cosine_margin: float) -> float:
    n = len(z)
    return mean(
        max(0.0, max(cos(z[i], z_pos[j]) for j in others(n, i)) - cos(z[i], z_pos[i]) + cosine_margin)
        for i in range(n)
    )


def max_margin_distance(z: Array, z_pos: Array, held: Any, distance_margin: float) -> float:
    def distance(x: Array, y: Array) -> float:
        return float(np.linalg.norm(x / np.linalg.norm(x) - y / np.linalg.norm(y)))

    n = len(z)
    return mean(
        max(0.0, distance(z[i], z_pos[i]) - min(distance(z[i], z_pos[j]) for j in others(n, i)) + distance_margin)
        for i in range(n)
    )


def max_margin_angle(z: Array, z_pos: Array, held: Any, angle_margin: float) -> float:
    n = len(z)
    return mean(
        max(
            0.0,
            math.acos(cos(z[i], z_pos[i]))
            - min(math.acos(cos(z[i], z_pos[j])) for j in others(n, i))
            + math.radians(angle_margin),
        )
        for i in range(n)
    )


def align_uniform(z: Array, z_pos: Array, held: Any, uniformity_weight: float, uniformity_scale: float) -> float:
    n = len(z)
    z, z_pos = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (z, z_pos))

    def uniformity(x: Array) -> float:
        kernels = [
            math.exp(-uniformity_scale * float(np.sum((x[i] - x[j]) ** 2))) for i in range(n) for j in range(i + 1, n)
        ]
        return math.log(mean(kernels))

    alignment = mean(float(np.sum((z[i] - z_pos[i]) ** 2)) for i in range(n))
    return alignment + uniformity_weight * (uniformity(z) + uniformity(z_pos)) / 2


def sigmoid(z: Array, z_pos: Array, held: Any, temperature: float, sigmoid_bias: float) -> float:
    n, total = len(z), 0.0
    for i in range(n):
        for j in range(n):
            logit = cos(z[i], z_pos[j]) / temperature + sigmoid_bias
            total += math.log1p(math.exp(-logit if i == j else logit))
    return total / n


def vicreg(
    z: Array, z_pos: Array, held: Any, invariance_weight: float, variance_weight: float, covariance_weight: float
) -> float:
    n, d = z.shape
    invariance = mean(float((z[i, k] - z_pos[i, k]) ** 2) for i in range(n) for k in range(d))
    variance = covariance = 0.0
    for x in (z, z_pos):
        centred = x - x.mean(0)
        for k in range(d):
            own = float(centred[:, k] @ centred[:, k]) / (n - 1)
            variance += max(0.0, 1 - math.sqrt(own + 1e-4)) / d / 2
            covariance += sum((float(centred[:, k] @ centred[:, o]) / (n - 1)) ** 2 for o in others(d, k)) / d
    return invariance_weight * invariance + variance_weight * variance + covariance_weight * covariance


def correlations(x: Array, y: Array) -> Array:
    x, y = ((v - v.mean(0)) / np.sqrt(v.var(0) + 1e-5) for v in (x, y))
    d = x.shape[1]
    return np.array([[mean(x[:, k] * y[:, o]) for o in range(d)] for k in range(d)])


def barlow_twins(z: Array, z_pos: Array, held: Any, redundancy_weight: float) -> float:
    c = correlations(z, z_pos)
    return sum(
        (1 - c[k, k]) ** 2 + redundancy_weight * sum(c[k, o] ** 2 for o in others(len(c), k)) for k in range(len(c))
    )


def dimension_wise(
    z: Array, z_pos: Array, held: Any, temperature: float, dimension_weight: float, dimension_temperature: float
) -> float:
    c = correlations(z, z_pos) / dimension_temperature
    over_dimensions = mean(lse(c[k]) - c[k, k] for k in range(len(c)))
    return nt_xent(z, z_pos, held, temperature) + dimension_weight * over_dimensions


REFERENCES: dict[str, Callable[..., float]] = {
    f.__name__: f
    for f in (
        *(nt_xent, dcl, dclw, symmetric, joint),
        *(arccon, max_margin_cosine, max_margin_distance, max_margin_angle),
        *(debiased, hard_negative, focal, gaussian_negatives, mixed_negatives),
        *(align_uniform, sigmoid, vicreg, barlow_twins, dimension_wise),
    )
}
