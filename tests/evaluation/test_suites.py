"""The suites' records: what follows from them, and that nothing of them stands elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from arccse.data.sources import open_source
from arccse.errors import InputError
from arccse.evaluation import scoring, suites
from arccse.evaluation.suites import SUITES
from arccse.models import POOLINGS


def test_there_is_an_sts_suite_for_every_pooling() -> None:
    assert [suite.pooling for suite in SUITES.values() if suite.pooling] == list(POOLINGS)
    source = open_source("package:gensim")
    assert all(suites.tasks(f"sts-{pooling}", source) == ["LEE"] for pooling in POOLINGS)


def test_records_are_whole() -> None:
    for name, suite in SUITES.items():
        assert suite.name == name
        averaged = "Avg" in suite.headlines
        assert averaged == bool(suite.measure) == (suite.metric is not None), name
        assert averaged or set(suite.headlines) <= set(suite.columns) & set(suites.MEASURES), name
        assert suite.repeats is None or suite.repeats in SUITES
        module = scoring.module_of(name)
        assert suite.keeps is None or {"task", "index"} < {*suite.keeps.keys}
        assert callable(module.sentences)
        assert callable(module.evaluate)


def test_tables_have_suites_of_one_kind_side_by_side() -> None:
    assert suites.tabulated(reversed(SUITES)) == [
        *("sts", "sts-disjoint", "sts-cls", "sts-mean", "sts-first-last-avg", "sts-top2-avg", "mteb"),
        *("transfer", "transfer-fast", "order", "geometry"),
    ]
    assert suites.tabulated(["order", "mteb", "sts"]) == ["sts", "mteb", "order"]


def test_the_records_are_read_without_torch_and_mteb() -> None:
    heavy = "{'torch', 'transformers', 'mteb', 'sklearn', 'numba', 'pyarrow', 'pandas'}"
    code = f"import sys, arccse.evaluation.suites; print(*{heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_an_unknown_suite_or_task_is_named_with_the_nearest() -> None:
    source = open_source("package:gensim")
    with pytest.raises(InputError, match="Unknown suite 'sts-meen'; did you mean 'sts-mean'"):
        suites.tasks("sts-meen", source)
    with pytest.raises(InputError, match="Suite order has no task 'ODER' in package:gensim; did you mean 'ORDER'"):
        suites.tasks("order", source, ["ODER"])


def test_suites_that_pool_alike_share_embeddings() -> None:
    asked = ["sts", "sts-mean", "order", "sts-cls"]
    assert suites.by_pooling(asked, None) == {None: ["sts", "order"], "mean": ["sts-mean"], "cls": ["sts-cls"]}
    assert suites.by_pooling(["sts", "sts-cls", "order"], "cls") == {"cls": ["sts", "sts-cls", "order"]}
    with pytest.raises(InputError, match="Suite sts-mean pools by mean, not by --pooling cls"):
        suites.by_pooling(["sts-mean"], "cls")


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_reads_and_names_the_files_of_its_tasks(suite: str) -> None:
    source = open_source("package:gensim")
    tasks = suites.tasks(suite, source)
    assert suites.read([suite], source) == tasks
    assert source.checksums(tasks)


def test_reading_finds_a_damaged_file(senteval: Path, tmp_path: Path) -> None:
    (tmp_path / "downstream").mkdir()
    source = open_source(f"senteval:{tmp_path}")
    for suite in SUITES:
        with pytest.raises(InputError, match=str(tmp_path)):
            suites.read([suite], source)
    assert suites.read(["geometry", "order", "sts"], open_source(f"senteval:{senteval}"))[0] == "ORDER"


def test_geometry_reads_the_dev_set(senteval: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    assert suites.tasks("geometry", source) == ["STSB-dev"]
    assert list(source.checksums(["STSB-dev"])) == ["downstream/STS/STSBenchmark/sts-dev.csv"]
    assert scoring.sentences(source, {"geometry": ["STSB-dev"]}) == source.dev().sentences
