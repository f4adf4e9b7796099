"""How a sweep of any hyperparameters is laid out: what is on the axis, and what tells the curves apart."""

import made_tuned
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_configs import made_config

from arccse.report.figures.axis import Axis, near, reach, text_of
from arccse.report.figures.kinds import KINDS, Subject, chosen, subjects


def laid_out(tmp_path, sweep, **study):
    """The key on the axis, the values along it as they are written, and the curves."""
    (subject,) = subjects(made_config(tmp_path, {"study": {"sweep": sweep, **study}}), "study")
    axis = subject.axis
    curves = list(dict.fromkeys(subject.curve(row, axis) for row in subject.points))
    return axis.key, axis.categories, curves


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        (
            {"temperature": [0.05, 0.1], "batch_size": [8, 16]},
            ("batch_size", [], ["temperature 0.05", "temperature 0.1"]),
        ),
        ({"dropout": [0, 0.1]}, ("dropout", [], ["tiny"])),
        ({"batch_size": [8, 16], "pooling": ["cls", "mean"]}, ("batch_size", [], ["pooling cls", "pooling mean"])),
        ({"pooling": ["cls", "mean"]}, ("pooling", ["cls", "mean"], ["tiny"])),
        (
            {"head": ["mlp", "none"], "pooling": ["cls", "mean"]},
            ("pooling", ["cls", "mean"], ["head mlp", "head none"]),
        ),
        ({"objective": ["nt_xent", "arccon"], "dropout": [0, 0.1]}, ("dropout", [], ["nt_xent", "arccon"])),
        ({"chunk_size": [None, 8, 16]}, ("chunk_size", ["null", "8", "16"], ["tiny"])),
        ({"learning_rate": [1e-2, 1e-6, 3e-5]}, ("learning_rate", ["1e-06", "3e-05", "0.01"], ["tiny"])),
        ({"temperature": [0.05, 0.1], "dropout": [0.1]}, ("temperature", [], ["tiny"])),
        (
            {"dropout": [0, 0.1], "batch_size": [8, 16], "max_length": [16, 32]},
            (
                "max_length",
                [],
                [f"dropout {d}, batch_size {b}" for d in ("0", "0.1") for b in (8, 16)],
            ),
        ),
        # twenty temperatures make too many curves, and so are on the axis
        (
            {"temperature": [i / 20 for i in range(1, 21)], "dropout": [0, 0.1]},
            ("temperature", [], ["dropout 0", "dropout 0.1"]),
        ),
    ],
)
def test_axis_and_curves(tmp_path, sweep, expected):
    assert laid_out(tmp_path, sweep) == expected


def test_lists_and_booleans(tmp_path):
    sweep = {"mask_ratios": [[0.2, 0.4], [0.3, 0.6]], "mask_nested": [True, False]}
    key, values, curves = laid_out(tmp_path, sweep, training={"triplet_weight": 0.1})
    assert (key, values) == ("mask_nested", ["true", "false"])
    assert curves == ["mask_ratios 0.2/0.4", "mask_ratios 0.3/0.6"]


def test_named_variants_are_no_points_of_the_sweep(tmp_path):
    study = {"variants": {"untrained": {"epochs": 0}, "SimCSE": {}}, "sweep": {"dropout": [0, 0.2]}}
    (subject,) = subjects(made_config(tmp_path, {"study": study}), "study")
    assert [row.label for row in subject.points] == ["dropout=0", "dropout=0.2"]


def test_kinds_have_names_of_their_own_and_words():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len({kind.title for kind in KINDS}) == len(KINDS)
    assert all(kind.alt.endswith(".") for kind in KINDS)
    # a title is words: no name of a file, no sentence
    assert not any("_" in kind.title or kind.title.endswith(".") for kind in KINDS)


def test_a_caption_names_kind_study_and_encoder(tmp_path):
    config = made_config(tmp_path, {"study": {"title": "Dropout", "sweep": {"dropout": [0, 0.2]}}})
    titles = [spec.title for spec in chosen(subjects(config, "study"))]
    assert "Score over the sweep: Dropout, tiny" in titles
    assert "Differences to the baseline: Dropout, tiny" in titles
    theory = [spec.title for spec in chosen([Subject(config)])]
    assert theory == ["Decision boundaries of NT-Xent and ArcCon", "Logit, loss and gradients of the positive"]


numbers = st.lists(st.floats(1e-8, 1e8) | st.integers(1, 10**6), min_size=1, max_size=30, unique=True)
names = st.lists(
    st.none() | st.booleans() | st.text(min_size=1) | st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1
)


@given(numbers | names.filter(lambda found: len({repr(v) for v in found}) == len(found)))
def test_every_value_has_a_place_of_its_own(values):
    axis = Axis("key", tuple(dict.fromkeys(values)))
    places = [axis.place(value) for value in axis.values]
    assert len(set(places)) == len(places)
    if axis.is_scale:
        assert places == [float(value) for value in axis.values]
        gaps = [b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)]
        assert not gaps or min(gaps) > 0.01 * sum(gaps)
    else:
        assert sorted(places) == [*range(len(places))]
        assert [axis.categories[int(place)] for place in places] == [text_of(value) for value in axis.values]


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ((0.05, 0.1), "temperature τ"),
        ((1e-5, 0.05, 100.0), "temperature τ (values evenly spaced)"),
        (("a", "b"), "temperature τ"),
    ],
)
def test_an_axis_says_where_it_is_no_scale(values, title):
    assert Axis("temperature", values).title == title


def test_an_axis_has_room_for_what_is_not_set_aside():
    rows = [[1.0, 2.0], [9.0, 10.0], [float("nan"), 3.0]]
    assert reach(rows, [False, True, False]) == (1.0, 3.0)
    assert reach(rows, [False, True, False], [0.0]) == (0.0, 3.0)
    assert reach(rows, [True, True, True]) == (1.0, 10.0)
    assert reach([[float("nan")], [4.0]], [False, True]) == (4.0, 4.0)


def test_distances_that_leave_each_other_no_room_are_set_aside():
    assert near([0.2, 0.3, 0.1, float("nan"), 5.0]) == [True, True, True, False, False]
    assert near([1.0, 5.0]) == [True, True]
    assert near([0.0, 0.0]) == [True, True]
    assert near([]) == []


def test_a_tuned_study_s_rows_are_apart_from_those_that_the_config_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = made_config(tmp_path, {"tuned": made_tuned.STUDY}, seeds=[0, 1, 2])
    (subject,) = subjects(before, "tuned")
    assert (subject.is_tuned, subject.at_best, subject.baseline) == (True, [], "")
    config, _ = made_tuned.made_tuned(tmp_path)
    (subject,) = subjects(config, "tuned")
    assert [row.label for row in subject.rows] == ["untrained", "NT-Xent", "ArcCon"]
    assert [row.label for row in subject.at_best] == ["NT-Xent, tuned", "ArcCon, tuned"]
    assert subject.baseline == "NT-Xent, tuned"


def test_tuned_rows_are_no_points_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"tuning": made_tuned.STUDY["tuning"], "sweep": {"batch_size": [8, 16]}}
    config, _ = made_tuned.made_tuned(tmp_path, study)
    (subject,) = subjects(config, "tuned")
    assert [row.label for row in subject.points] == ["batch_size=8", "batch_size=16"]
