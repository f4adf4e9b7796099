"""What of a study is undecided yet, by the verdicts that its tables would have."""

from collections.abc import Sequence

from arccse.config import Config
from arccse.evaluation.suites import SUITES
from arccse.report import claims
from arccse.report.build import study_view
from arccse.report.comparisons import compare_study
from arccse.results import Results


def undecided(config: Config, studies: Sequence[str], results: Results) -> dict[str, list[str]]:
    """What more seeds may decide of each of some studies: claims or, where it has none, comparisons on averages.

    What has no number, as where a row diverged, no seed will decide; it is left out.

    Raises:
        InputError: the results lack a run or score of the config.
    """
    views = {study: study_view(config, study, results) for study in config.studies}
    settled = claims.settle(config, views, results.scores, results.histories)
    found = {}
    for study in studies:
        own = settled[settled["study"] == study]
        if len(own):
            names = own["sentence"] + ", " + own["encoder"]
        else:
            own = compare_study(results.scores, views[study], config.study_suites(study))
            own = own[
                [task in SUITES[suite].headlines for suite, task in zip(own["suite"], own["task"], strict=True)]
            ]
            names = own["label"] + " − " + own["baseline"] + ", " + own["encoder"] + ", " + own["suite"]
        found[study] = names[(own["verdict"] == "undecided") & (own["n"] > 0)].tolist()
    return found
