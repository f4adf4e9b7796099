"""The figures of a tuned study: each row in a panel, against the first one, and what lies too far off."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from arccse.errors import InputError
from arccse.ranking import best_of
from arccse.report.figures import tuning
from arccse.report.figures.drawing import COLOURS

CHANGES = ["row", "kind", "baseline", "difference", "low", "high", "verdict", "n"]


def names(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def shown(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible()]


def of_colour(axes, colour: str) -> list:
    return [line for line in axes.lines if line.get_color() == colour]


# courses


def histories(rows: int = 2, forms: tuple[str, ...] = ("as configured", "tuned"), seeds: int = 2) -> pd.DataFrame:
    lines = [
        (f"row {row}", form, seed, step, 70 + row + 2 * place + seed / 10 + step / 10)
        for row in range(rows)
        for place, form in enumerate(forms)
        for seed in range(seeds)
        for step in (0, 10, 20)
    ]
    return pd.DataFrame(lines, columns=["label", "form", "seed", "step", "dev_spearman"])


def test_every_row_has_a_panel_with_both_forms_and_the_first_one_in_grey() -> None:
    frame = histories(7)
    figure = tuning.convergence(frame, None)
    panels = shown(figure)
    assert [axes.get_title() for axes in panels] == [f"row {row}" for row in range(7)]
    for row, axes in enumerate(panels):
        (configured,), (tuned,) = of_colour(axes, COLOURS[1]), of_colour(axes, COLOURS[0])
        for line, start in ((configured, 70.05 + row), (tuned, 72.05 + row)):
            np.testing.assert_allclose(line.get_xdata(), [0, 10, 20])
            np.testing.assert_allclose(line.get_ydata(), [start, start + 1, start + 2])
        grey = of_colour(axes, tuning.REFERENCE)
        assert len(grey) == (row > 0)
        assert len(axes.collections) == 2
        if row:
            np.testing.assert_allclose(grey[0].get_ydata(), [72.05, 73.05, 74.05])
    assert names(figure) == ["as configured", "tuned", "row 0, tuned, in the other panels"]
    assert len({axes.get_ylim() for axes in panels}) == 1


def test_a_study_that_is_not_tuned_has_one_line_a_panel_and_a_seed_no_band() -> None:
    figure = tuning.convergence(histories(3, ("as configured",), seeds=1), "Made up.")
    assert [len(axes.lines) for axes in shown(figure)] == [1, 2, 2]
    assert not any(axes.collections for axes in shown(figure))
    assert names(figure) == ["row 0, in the other panels"]
    assert figure.get_suptitle() == "Made up."


def test_only_steps_of_all_seeds_are_drawn() -> None:
    frame = histories(1).drop(index=0)  # of the first form's first seed, step 0
    (configured,) = of_colour(tuning.convergence(frame, None).axes[0], COLOURS[1])
    assert list(configured.get_xdata()) == [10, 20]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (histories().drop(columns="form"), "lacks the column 'form'"),
        (histories().iloc[:0], "has no line"),
        (pd.concat([histories(), histories().iloc[:1]]), "two lines for one seed and step"),
    ],
)
def test_courses_that_can_not_be_drawn_say_why(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tuning.convergence(frame, None)


# budgets


def trials(**rows: list[float]) -> pd.DataFrame:
    return pd.DataFrame([(row, dev) for row, devs in rows.items() for dev in devs], columns=["row", "dev"])


def test_a_budget_has_the_expected_best_its_quartiles_and_the_row_as_configured() -> None:
    devs = {"a": [70.0, 72.0, 71.0], "b": [60.0, np.nan, 74.0]}
    figure = tuning.budget(trials(**devs), {"a": 70.5, "b": np.nan}, None)
    first, second = shown(figure)
    (best,) = of_colour(first, COLOURS[0])
    np.testing.assert_allclose(best.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(best.get_ydata(), best_of(np.array(devs["a"])).mean)
    (dashed,) = of_colour(first, COLOURS[1])
    assert set(dashed.get_ydata()) == {70.5}
    (of_b,), (grey,) = of_colour(second, COLOURS[0]), of_colour(second, tuning.REFERENCE)
    np.testing.assert_allclose(of_b.get_ydata(), best_of(np.array([60.0, 60.0, 74.0])).mean)
    np.testing.assert_allclose(grey.get_ydata(), best.get_ydata())
    assert not of_colour(second, COLOURS[1])  # one of its runs diverged
    assert names(figure)[-1] == "a, in the other panels"
    assert all(float(place).is_integer() for axes in (first, second) for place in axes.get_xticks())


def test_the_panels_have_room_for_what_half_of_the_trials_find() -> None:
    figure = tuning.budget(trials(a=[0.0, 0.0, 0.0, 80.0, 80.0, 80.0]), {"a": 79.0}, None)
    low, high = figure.axes[0].get_ylim()
    assert best_of(np.array([0, 0, 0, 80, 80, 80])).mean[2] - low < 1
    assert 80 < high < 81


def test_a_row_of_which_every_trial_diverged_says_so() -> None:
    figure = tuning.budget(trials(a=[np.nan], b=[70.0]), {"a": 70.0, "b": 70.0}, None)
    first, second = shown(figure)
    assert [text.get_text() for text in first.texts] == ["all trials diverged"]
    assert not of_colour(second, tuning.REFERENCE)  # it is itself the first that there is
    with pytest.raises(InputError, match="Every trial diverged"):
        tuning.budget(trials(a=[np.nan]), {"a": 70.0}, None)


# what tuning changes


LINES = [
    ("b", "pair", "a", 0.5, 0.1, 0.9, "higher", 5),
    ("b", "tuned", "a, tuned", 0.2, -0.3, 0.7, "undecided", 5),
    ("a", "tuning", "a", 1.0, 0.6, 1.4, "higher", 5),
    ("b", "tuning", "b", 0.7, np.nan, np.nan, "undecided", 2),
]


def changes(lines: list[tuple] = LINES) -> Figure:
    return tuning.changes(pd.DataFrame(lines, columns=CHANGES), "STS average", None)


def marks(axes) -> list[tuple]:
    return [(line.get_marker(), *line.get_xydata()[0].round(2)) for line in axes.lines if line.get_marker() != "None"]


def test_differences_to_the_first_row_are_on_the_left_and_those_of_tuning_on_the_right() -> None:
    figure = changes()
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["a", "b"]
    assert marks(left) == [("s", 0.5, 0.84), ("o", 0.2, 1.16)]
    assert marks(right) == [("o", 1.0, 0.0), ("o", 0.7, 1.0)]
    assert left.get_title() == "Each, less a"
    assert [text.get_text() for text in right.texts] == ["+1.00 (0.60 to 1.40), higher", "+0.70, undecided"]
    assert names(figure) == [
        "both as configured",
        "both tuned",
        "on the right: higher or lower",
        "on the right: undecided",
    ]


def test_what_is_far_off_is_an_arrow_that_leaves_the_others_room() -> None:
    lines = [(row, "tuning", row, value, value - 0.1, value + 0.1, "higher", 5) for row, value in
             {"a": 0.3, "b": 0.2, "c": 0.4, "d": -40.0, "e": 30.0}.items()]  # fmt: skip
    lines += [("b", "tuned", "a, tuned", 0.1, 0.0, 0.2, "undecided", 5)]
    figure = changes(lines)
    right = figure.axes[1]
    assert right.get_xlim()[1] < 1
    assert right.get_xlim()[0] > -1
    assert [mark[0] for mark in marks(right)] == ["o", "o", "o", "<", ">"]
    assert "−40.00 (−40.10 to −39.90), higher" in [text.get_text() for text in right.texts]


def test_a_study_of_one_row_has_nothing_on_the_left() -> None:
    figure = changes([("a", "tuning", "a", 1.0, np.nan, np.nan, "undecided", 1)])
    left, right = figure.axes
    assert (marks(left), marks(right)) == ([], [("o", 1.0, 0.0)])


def test_a_table_of_changes_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="has no line"):
        changes([])
    with pytest.raises(InputError, match="no finite number"):
        changes([("b", "tuned", "a", np.nan, 0, 0, "undecided", 5)])
