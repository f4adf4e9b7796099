"""What the objectives do to an angle, computed from their own code: no run is needed for these figures.

θ_p is the angle between a sentence and its positive, θ_q the one between it and its negative. A batch of two
sentences that are placed alike has these angles in the plane, so that its loss is that of either sentence.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from arccse.errors import InputError
from arccse.objectives.margins import arccon, cosine_of_widened_angle
from arccse.objectives.softmax import nt_xent
from arccse.report.figures.drawing import HATCHES, curve_style, describe, legend, new_figure

NEGATIVE = 60  # degrees between the sentence and its negative, where a figure needs one

POSITIVE_ANGLE = r"$\theta_p$, angle to the positive (°)"
NEGATIVE_ANGLE = r"$\theta_q$, angle to the negative (°)"

Loss = Callable[[Tensor, Tensor], Tensor]


def decision_boundaries(margin: float, caveat: str | None) -> Figure:
    """Where a positive and a negative weigh the same for NT-Xent and for ArcCon, in the plane (θ_p, θ_q).

    On the boundary both logits are equal, so that the loss of a batch of two is log 2. Above it, the positive is
    the nearer one; below it, the negative. The temperature has no part in it.

    Args:
        margin: ArcCon's m in degrees, 0 < m < 180.
        caveat: printed above the panel.

    Raises:
        InputError: a margin outside its range.

    Source: Zhang et al., ACL 2022; drawn as figure 3 of the authors' own article on it.
    """
    if not 0 < margin < 180:
        raise InputError(f"A margin of {margin} degrees has no boundary of its own: it must be between 0 and 180.")
    positive = torch.deg2rad(torch.arange(0, 181, dtype=torch.float64))
    plain = _boundary(lambda z, z_pos: nt_xent(z, z_pos, 1.0), positive)
    widened = _boundary(lambda z, z_pos: arccon(z, z_pos, 1.0, margin), positive)
    degrees = torch.rad2deg(positive).numpy()
    with new_figure(6.4, 5.6, caveat) as figure:
        axes = figure.subplots()
        lines = [
            axes.plot(degrees, boundary, **curve_style(index, len(degrees)))[0]
            for index, boundary in enumerate([plain, widened])
        ]
        # Where ArcCon has no boundary, no negative is far enough for it.
        between = axes.fill_between(
            degrees,
            plain,
            np.nan_to_num(widened, nan=180),
            facecolor="0.93",
            edgecolor="0.6",
            hatch=HATCHES[1],
            linewidth=0,
        )
        describe(axes, "Decision boundaries", POSITIVE_ANGLE, NEGATIVE_ANGLE)
        _parse_math(axes)
        axes.set(xticks=range(0, 181, 30), yticks=range(0, 181, 30), xlim=(0, 180), ylim=(0, 180), aspect="equal")
        axes.text(50, 140, "positive is nearer:\nloss below log 2", ha="center", va="center")
        axes.text(130, 50, "negative is nearer:\nloss above log 2", ha="center", va="center")
        names = ["NT-Xent", f"ArcCon, m = {margin:g}°", "told apart for NT-Xent, not yet for ArcCon"]
        legend(figure, ([*lines, between], names), "On a line, positive and negative have the same logit.")
    return figure


def positive_logit(margins: Sequence[float], temperature: float, caveat: str | None) -> Figure:
    """The positive's logit, the loss of a batch of two, and the gradients of both, against the angle θ_p.

    The negative stands at NEGATIVE degrees, so that NT-Xent's loss is log 2 there and ArcCon's at NEGATIVE − m.
    Gradients are autograd's, with respect to θ_p in radians. Past θ_p = 180° − m they jump: the logit goes on
    linearly in cos θ_p from there (see `objectives.margins.cosine_of_widened_angle`).

    Args:
        margins: each m in degrees, 0 ≤ m < 180, a line each.
        temperature: τ > 0.
        caveat: printed above the panels.

    Raises:
        InputError: no margin, a margin or a temperature outside its range.
    """
    if not margins or not all(0 <= margin < 180 for margin in margins):
        raise InputError(f"Margins must be at least one number of degrees from 0 to below 180, got {list(margins)}.")
    if temperature <= 0:
        raise InputError(f"The temperature must be above 0, got {temperature}.")
    with new_figure(10, 6.6, caveat) as figure:
        panels = figure.subplots(2, 2, sharex=True)
        for index, margin in enumerate(margins):
            degrees, curves = _logit_and_loss(margin, temperature)
            for axes, curve in zip(panels.flat, curves, strict=True):
                axes.plot(degrees, curve, label=f"m = {margin:g}°", **curve_style(index, len(degrees)))
        (logit, logit_slope), (loss, loss_slope) = panels
        describe(logit, "Logit of the positive", "", "logit")
        describe(logit_slope, "Its gradient", "", r"d logit / d $\theta_p$")
        describe(loss, f"Loss with one negative at {NEGATIVE}°", POSITIVE_ANGLE, "loss")
        describe(loss_slope, "Its gradient", POSITIVE_ANGLE, r"d loss / d $\theta_p$")
        for axes in panels.flat:
            _parse_math(axes)
        logit.set(xticks=range(0, 181, 30), xlim=(0, 180))
        note = f"ArcCon at τ = {temperature:g}; m = 0° is NT-Xent. Past 180° − m it is linear in cos θ."
        legend(figure, logit.get_legend_handles_labels(), note)
    return figure


def _parse_math(axes: Axes) -> None:
    """Names of axes are formulas here, unlike anywhere else."""
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_parse_math(True)


def _logit_and_loss(margin: float, temperature: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """(180,) degrees of θ_p, and there: the positive's logit, its gradient, the loss, its gradient."""
    # Half degrees, because at 0° the guard of the sine, which is no part of the objective, would show.
    positive = torch.deg2rad(torch.arange(180, dtype=torch.float64) + 0.5).requires_grad_()
    negative = torch.full_like(positive, math.radians(NEGATIVE))
    logit = cosine_of_widened_angle(torch.cos(positive), math.radians(margin)) / temperature
    loss = torch.vmap(lambda p, q: arccon(*_batch(p, q), temperature, margin))(positive, negative)
    curves = []
    for values in (logit, loss):
        (slope,) = torch.autograd.grad(values.sum(), positive)
        curves += [values.detach().numpy(), slope.numpy()]
    return torch.rad2deg(positive).detach().numpy(), curves


def _boundary(loss: Loss, positive: Tensor) -> np.ndarray:
    """For each θ_p (radians) the θ_q in degrees at which the loss of a batch of two is log 2, by bisection.

    The loss falls with θ_q. NaN where it stays above log 2 up to 180°.
    """

    def negative_wins(negative: Tensor) -> Tensor:
        return torch.vmap(lambda p, q: loss(*_batch(p, q)))(positive, negative) > math.log(2) + 1e-12

    low, high = torch.zeros_like(positive), torch.full_like(positive, math.pi)
    never = negative_wins(high)
    for _ in range(50):  # each halves 180 degrees
        middle = (low + high) / 2
        wins = negative_wins(middle)
        low, high = torch.where(wins, middle, low), torch.where(wins, high, middle)
    return torch.rad2deg(torch.where(never, math.nan, high)).numpy()


def _batch(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """(2, 2) embeddings and their positives, with the same θ_p and θ_q (scalars, radians) for both sentences."""
    angles = torch.stack([torch.zeros_like(positive), positive - negative, positive, -negative])
    points = torch.stack([torch.cos(angles), torch.sin(angles)], dim=-1)
    return points[:2], points[2:]
