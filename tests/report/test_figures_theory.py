"""The figures of the objectives: their curves are the closed ones."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from arccse.errors import InputError
from arccse.report.figures import theory


@pytest.mark.parametrize("margin", [5, 10, 45, 120])
def test_boundaries_are_the_closed_ones(margin: float) -> None:
    (axes,) = theory.decision_boundaries(margin, None).axes
    plain, widened = (np.asarray(line.get_xydata()) for line in axes.lines)
    # At 180° the cosine is flat, so that its last digits are worth 0.0001°.
    np.testing.assert_allclose(plain[:, 1], plain[:, 0], atol=1e-3)  # θ_q = θ_p
    reached = widened[:, 0] <= 180 - margin - 1e-9
    assert reached.sum() > 50
    np.testing.assert_allclose(widened[reached, 1], widened[reached, 0] + margin, atol=1e-3)  # θ_q = θ_p + m
    assert np.isnan(widened[widened[:, 0] > 180 - margin + 1e-9, 1]).all()


def test_logit_loss_and_gradients_are_the_closed_ones() -> None:
    margins, temperature = [0, 5, 10, 20], 0.05
    figure = theory.positive_logit(margins, temperature, None)
    for panel, lines in enumerate(zip(*(axes.lines for axes in figure.axes), strict=True)):
        m = np.radians(margins[panel])
        theta = np.radians(lines[0].get_xdata())
        widened = theta + m <= np.pi
        logit = np.where(widened, np.cos(theta + m), np.cos(theta) + np.cos(m) - 1) / temperature
        slope = -np.where(widened, np.sin(theta + m), np.sin(theta)) / temperature
        negative = np.cos(np.radians(60)) / temperature
        loss = np.logaddexp(0, negative - logit)
        expected = [logit, slope, loss, -slope / (1 + np.exp(logit - negative))]
        for line, closed in zip(lines, expected, strict=True):
            np.testing.assert_allclose(line.get_ydata(), closed, atol=1e-6)
    assert [line.get_label() for line in figure.axes[0].lines] == ["m = 0°", "m = 5°", "m = 10°", "m = 20°"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: theory.decision_boundaries(0, None),
        lambda: theory.decision_boundaries(180, None),
        lambda: theory.positive_logit([], 0.05, None),
        lambda: theory.positive_logit([-1], 0.05, None),
        lambda: theory.positive_logit([10], 0, None),
    ],
)
def test_settings_outside_their_range(draw: Callable[[], Figure]) -> None:
    with pytest.raises(InputError):
        draw()
