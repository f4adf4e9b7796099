"""Which figures there are: one record a kind, and the choice of those that a study has the data for.

A kind is chosen from the config alone, since Snakemake asks for the files before there are results. So nothing here
imports pandas, matplotlib or torch before a figure is made.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from arccse.config import Config
from arccse.evaluation.suites import SUITES
from arccse.report import figures
from arccse.report.designs import averaged, ranked, spreads
from arccse.report.figures.axis import Axis, text_of
from arccse.variants import Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from arccse.results import Results

MOST_CURVES = 8  # in one panel; more can't be told apart
FEWEST_DRAWN = 6  # objectives in a course of rankings; τ of fewer takes so few values that the table says it all
MOST_CATEGORIES = 20  # beside each other on an axis
PUBLISHED_MARGINS = (0.0, 5.0, 10.0, 20.0)  # degrees, in the figures of theory; ArcCSE's is the 10
PUBLISHED_MARGIN, PUBLISHED_TEMPERATURE = 10.0, 0.05


@dataclass(frozen=True)
class Subject:
    """What a figure is of: the rows of one encoder of one study. The figures of theory are of none.

    rows: as the config has them; tuned: those whose values have been chosen, with these. Which figures there are must
    not depend on that choice, nor on how many it leaves.
    """

    config: Config
    study: str = ""
    encoder: str = ""
    rows: tuple[Row, ...] = ()
    tuned: tuple[Row, ...] = ()

    @property
    def trained(self) -> list[Row]:
        return [row for row in self.rows if not row.variant.untrained]

    @property
    def is_tuned(self) -> bool:
        """Whether each trained row is there as tuned too, once its values have been chosen."""
        return bool(self.study) and self.config.studies[self.study].tuning is not None

    @property
    def at_best(self) -> list[Row]:
        """The trained rows, as tuned where the study is tuned."""
        return list(self.tuned) if self.is_tuned else self.trained

    @property
    def baseline(self) -> str:
        """The first of these; "" where there is none."""
        return next((row.label for row in self.at_best), "")

    @cached_property
    def suites(self) -> list[str]:
        return self.config.study_suites(self.study) if self.study else []

    @property
    def suite(self) -> str:
        """The first suite with an average, which is drawn; "" where none of the study's has one."""
        return averaged(self.suites)

    @property
    def compares_variants(self) -> bool:
        """Whether averages of trained variants are compared, and not only the poolings of their evaluation."""
        if not self.trained or not self.suite:
            return False
        poolings = [suite for suite in self.suites if SUITES[suite].pooling]
        return SUITES[self.suite].pooling is None or len(poolings) == 1

    @property
    def keeps_pairs(self) -> bool:
        """Whether there are cosines of rated pairs."""
        return any(SUITES[suite].keeps_pairs for suite in self.suites)

    # ------------------------------------------------------------------------------------------------- sweeps

    @cached_property
    def points(self) -> list[Row]:
        """The rows that are points of the study's sweep."""
        study = self.config.studies[self.study] if self.study else None
        return [row for row in self.rows if study and study.sweep and row.label not in study.variants]

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The hyperparameters whose values differ from point to point."""
        swept = self.config.studies[self.study].sweep if self.points else ()
        found = {}
        for key in swept:
            values = [getattr(row.variant.hyperparameters, key) for row in self.points]
            once = tuple(value for place, value in enumerate(values) if value not in values[:place])  # some are dicts
            if len(once) > 1:
                found[key] = Axis(key, once)
        return found

    @cached_property
    def axis(self) -> Axis | None:
        """The swept hyperparameter on the horizontal axis; None where no choice gives a figure that can be read.

        The last one with a scale, if the others' values make few enough curves; otherwise the one before it, and so
        on to those without a scale.
        """
        last_first = list(self.axes.values())[::-1]
        best_first = sorted(last_first, key=lambda axis: not axis.is_scale)
        return next((axis for axis in best_first if self.is_readable(axis)), None)

    def is_readable(self, axis: Axis) -> bool:
        """Whether a sweep's figure with this axis has few enough curves and places."""
        curves = math.prod(len(other.values) for other in self.axes.values() if other != axis)
        return curves <= MOST_CURVES and len(axis.categories) <= MOST_CATEGORIES

    def curve(self, row: Row, axis: Axis) -> str:
        """A point's curve: its values of all that is swept but the axis; the encoder where there is nothing else."""
        h = row.variant.hyperparameters
        values = {key: getattr(h, key) for key in self.axes if key != axis.key}
        # an objective's name says what it is the name of
        named = [text_of(v) if key == "objective" else f"{key} {text_of(v)}" for key, v in values.items()]
        return ", ".join(named) or self.encoder


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    name: first part of its file's name; title: what it is called above its study's; alt: what it shows, for those who
    can't see it; applies: whether a subject promises its data; data: those data, of the results and the study's
    comparisons; draw: the figure of them.
    """

    name: str
    title: str
    alt: str
    applies: Callable[[Subject], bool]
    data: Callable[[Subject, "Results", "pd.DataFrame | None"], Any]
    draw: Callable[[Subject, Any], "Figure"]


@dataclass(frozen=True)
class FigureSpec:
    """A figure: its kind, and what it is of."""

    kind: Kind
    subject: Subject

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.kind.name, self.subject.study, self.subject.encoder) if part)

    @property
    def title(self) -> str:
        """The caption: "<the kind's title>: <the study's>, <encoder>"; of a figure of theory the kind's alone."""
        if not self.subject.study:
            return self.kind.title
        return f"{self.kind.title}: {self.subject.config.studies[self.subject.study].title}, {self.subject.encoder}"


# -------------------------------------------------------------------------------------------- when a kind applies


def has_course(s: Subject) -> bool:
    """The course of training is drawn where variants have names; the points of a sweep would hide each other."""
    return s.compares_variants and not s.points and len(s.trained) <= MOST_CURVES


def has_panels(s: Subject) -> bool:
    """Courses of training that need a panel for each row: too many for one, or each row in two forms."""
    return s.compares_variants and (s.is_tuned or (not s.points and len(s.trained) > MOST_CURVES))


def has_matches(s: Subject) -> bool:
    """Courses to compare with the first one's."""
    return has_course(s) and len(s.trained) > 1


def has_interaction(s: Subject) -> bool:
    """Two objectives × with and without triplet objective, each once, as configured: `tuning` has the tuned ones."""
    cells = {factors(row) for row in s.trained}
    is_square = len({objective for objective, _ in cells}) == len({triplet for _, triplet in cells}) == 2
    return s.compares_variants and not s.is_tuned and is_square and len(cells) == len(s.trained) == 4


def factors(row: Row) -> tuple[str, str]:
    """The row's place in the 2 × 2 design of objective and triplet."""
    h = row.variant.hyperparameters.canonical()
    return h["objective"], "with triplet" if h["triplet_weight"] else "without triplet"


def has_decline(s: Subject) -> bool:
    """A sweep of noise from 0 on, with few enough curves."""
    noise = s.axes.get("noise")
    return noise is not None and 0 in noise.values and noise.is_scale and s.is_readable(noise)


def has_map(s: Subject) -> bool:
    return set(s.axes) == {"mask_ratios"}


def has_curves(s: Subject) -> bool:
    return s.suite != "" and s.axis is not None and not (has_decline(s) or has_map(s) or has_interaction(s))


# ------------------------------------------------------------------------------------------------------ the kinds

KINDS = (
    Kind(
        "alignment_uniformity",
        "Alignment and uniformity in training",
        "Alignment and uniformity over training, and the path of training in their plane.",
        applies=has_course,
        data=lambda s, results, _: figures.data.histories(s, results),
        draw=lambda s, frame: figures.training.alignment_uniformity(frame, s.config.caveat),
    ),
    Kind(
        "dev_scores",
        "Dev score and loss in training",
        "Spearman on the dev set and loss over training.",
        applies=has_course,
        data=lambda s, results, _: figures.data.histories(s, results),
        draw=lambda s, frame: figures.training.dev_scores(frame, s.config.caveat),
    ),
    Kind(
        "convergence",
        "Dev score in training, row by row",
        "Spearman on the dev set over training, a panel for each row.",
        applies=has_panels,
        data=lambda s, results, _: figures.data.forms(s, results),
        draw=lambda s, frame: figures.tuning.convergence(frame, s.config.caveat),
    ),
    Kind(
        "matched",
        "Gain at equal steps, alignment at equal uniformity",
        "Gain over the first trained row at equal steps, steps to its best score, alignment at equal uniformity.",
        applies=has_matches,
        data=lambda s, results, _: (figures.data.histories(s, results), s.baseline),
        draw=lambda s, data: figures.training.matched_comparisons(*data, s.config.caveat),
    ),
    Kind(
        "noise_decline",
        "Decline with noise",
        "The average as positives are replaced by other sentences.",
        applies=lambda s: s.suite != "" and has_decline(s),
        data=lambda s, results, _: figures.data.swept(s, s.axes["noise"], results).rename(columns={"place": "noise"}),
        draw=lambda s, frame: figures.studies.noise_decline(frame, figures.data.measure(s), s.config.caveat),
    ),
    Kind(
        "mask_ratio_map",
        "Mask ratios, near and far",
        "Heat map of the average over near and far mask ratio.",
        applies=lambda s: s.suite != "" and has_map(s),
        data=lambda s, results, _: figures.data.mask_ratios(s, results),
        draw=lambda s, frame: figures.studies.mask_ratio_map(frame, figures.data.measure(s), s.config.caveat),
    ),
    Kind(
        "interaction",
        "Pair objective × triplet objective",
        "The 2 × 2 design of pair objective and triplet objective.",
        applies=has_interaction,
        data=lambda s, results, compared: (
            figures.data.with_baseline(figures.data.design(s, results), s, results),
            figures.data.interaction(s, compared),
        ),
        draw=lambda s, data: figures.studies.interaction(
            *data, figures.data.measure(s), s.config.caveat, s.trained[0].label
        ),
    ),
    Kind(
        "sweep",
        "Score over the sweep",
        "The average against what is swept: mean, interval, every seed.",
        applies=has_curves,
        data=lambda s, results, _: figures.data.with_baseline(figures.data.swept(s, s.axis, results), s, results),
        draw=lambda s, frame: figures.studies.sweep(
            frame, s.axis, figures.data.measure(s), s.config.caveat, s.trained[0].label
        ),
    ),
    Kind(
        "forest",
        "Differences to the baseline",
        "Every difference to the study's first trained row with its interval.",
        applies=lambda s: s.compares_variants and len(s.trained if s.is_tuned else s.rows) > 1,
        data=lambda s, _, compared: figures.data.differences(s, compared),
        draw=lambda s, frame: figures.differences.forest(
            frame, "difference (points)", s.config.caveat, s.config.equivalence
        ),
    ),
    Kind(
        "tuning",
        "What tuning changes",
        "Differences to the baseline as configured and as tuned, and what tuning changes in each row.",
        applies=lambda s: s.is_tuned and s.compares_variants,
        data=lambda s, _, compared: figures.data.tuning(s, compared),
        draw=lambda s, frame: figures.tuning.changes(frame, figures.data.measure(s), s.config.caveat),
    ),
    Kind(
        "budget",
        "Expected best dev score by number of trials",
        "Expected best dev score as more trials are made, a panel for each row, beside the dev score as configured.",
        applies=lambda s: s.is_tuned and bool(s.trained),
        data=lambda s, results, _: figures.data.budgets(s, results),
        draw=lambda s, data: figures.tuning.budget(*data, s.config.caveat),
    ),
    Kind(
        "spread",
        "Spread over seeds by streams",
        "Standard deviation over seeds, with its interval, as one stream of random numbers or all follow the seed.",
        applies=lambda s: s.study != "" and spreads(s.config, s.study, s.encoder),
        data=lambda s, results, _: figures.data.spread(s, results),
        draw=lambda s, frame: figures.seeds.spread(frame, figures.data.measure(s), s.config.caveat),
    ),
    Kind(
        "rank_agreement",
        "Agreement of rankings in training",
        "Kendall's τ of the ranking by dev at each step and that at the end, by dev and by the average.",
        applies=lambda s: s.study != "" and ranked(s.config, s.study, s.encoder) >= FEWEST_DRAWN,
        data=lambda s, results, _: figures.data.rank_agreement(s, results),
        draw=lambda s, frame: figures.seeds.rank_agreement(frame, figures.data.measure(s), s.config.caveat),
    ),
    Kind(
        "cosine_by_score",
        "Cosine by human score",
        "Distribution of cosines at each human score.",
        applies=lambda s: s.keeps_pairs and 0 < len(s.trained) < len(s.rows) <= MOST_CURVES,
        data=lambda s, results, _: (results.pairs, figures.data.runs_of(s, results)),
        draw=lambda s, data: figures.pairs.cosine_by_score(*data, figures.data.scale(s), s.config.caveat),
    ),
    Kind(
        "masked_share",
        "Similarity to a masked sentence",
        "Mean cosine of a sentence and itself with a growing share masked.",
        applies=lambda s: "order" in s.suites and bool(s.trained) and len(s.rows) <= MOST_CURVES,
        data=lambda s, results, _: figures.data.order_scores(s, results),
        draw=lambda s, frame: figures.studies.masked_share(frame, s.config.caveat, s.trained[0].label),
    ),
    Kind(
        "decision_boundaries",
        "Decision boundaries of NT-Xent and ArcCon",
        "Decision boundaries of NT-Xent and ArcCon in the plane of both angles.",
        applies=lambda s: not s.study,
        data=lambda *_: PUBLISHED_MARGIN,
        draw=lambda _, margin: figures.theory.decision_boundaries(margin, None),
    ),
    Kind(
        "positive_logit",
        "Logit, loss and gradients of the positive",
        "Logit, loss and gradients of the positive against its angle for several margins.",
        applies=lambda s: not s.study,
        data=lambda *_: (PUBLISHED_MARGINS, PUBLISHED_TEMPERATURE),
        draw=lambda _, settings: figures.theory.positive_logit(*settings, None),
    ),
)


def subjects(config: Config, study: str) -> list[Subject]:
    """A study's rows, encoder by encoder."""
    found = []
    for encoder in dict.fromkeys(row.encoder for row in config.rows(study)):
        own = [row for row in config.rows(study) if row.encoder == encoder]
        configured, tuned = (tuple(row for row in own if bool(row.untuned) == is_tuned) for is_tuned in (False, True))
        found.append(Subject(config, study, encoder, configured, tuned))
    return found


def chosen(found: Sequence[Subject]) -> list[FigureSpec]:
    """Every figure of the subjects, in the order of KINDS."""
    return [FigureSpec(kind, subject) for subject in found for kind in KINDS if kind.applies(subject)]
