"""Sources of human-rated data: the real files where they are at hand, specs, names, gensim's test data."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from senteval_folder import put

from arccse.data import sources
from arccse.data.hub import MANIFEST, read_manifest
from arccse.data.sources import STS_TASKS, TRANSFER_TASKS, Gensim, Source, open_source
from arccse.errors import InputError


@pytest.fixture(scope="module")
def real(senteval: Path) -> Source:
    return open_source(f"senteval:{senteval}")


# the real files


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("STS12", [750, 750, 459, 750, 399]),
        ("STS13", [189, 750, 561]),
        ("STS14", [450, 300, 750, 750, 750, 750]),
        ("STS15", [375, 750, 375, 750, 750]),
        ("STS16", [254, 249, 230, 244, 209]),
        ("STSB", [1379]),
        ("SICKR", [4927]),
    ],
)
def test_sts_sizes(real, task, sizes):
    subsets = real.sts(task)
    assert list(subsets) == list(sources.STS_SUBSETS.get(task, [task]))
    assert [len(p.scores) for p in subsets.values()] == sizes
    for pairs in subsets.values():
        assert len(pairs.first) == len(pairs.second) == len(pairs.scores)
        assert pairs.scores.dtype == np.float64
        assert pairs.scale == ((1.0, 5.0) if task == "SICKR" else (0.0, 5.0))


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("MR", {"all": 10662}),
        ("CR", {"all": 3775}),
        ("SUBJ", {"all": 10000}),
        ("MPQA", {"all": 10606}),
        ("SST2", {"train": 67349, "dev": 872, "test": 1821}),
        ("TREC", {"train": 5452, "test": 500}),
        ("MRPC", {"train": 4076, "test": 1725}),
    ],
)
def test_transfer_sizes(real, task, sizes):
    splits = real.transfer(task)
    assert {name: len(split.labels) for name, split in splits.items()} == sizes
    for split in splits.values():
        assert len(split.first) == len(split.labels)
        assert split.labels.dtype == np.int64
        assert (split.second is not None) == (task == "MRPC")
        assert set(split.labels) == set(range(6 if task == "TREC" else 2))


def test_spot_values(real, senteval):
    stsb = real.sts("STSB")["STSB"]
    assert (stsb.first[0], stsb.second[0], stsb.scores[0]) == (
        "a girl is styling her hair .",
        "a girl is brushing her hair .",
        2.5,
    )
    sick = real.sts("SICKR")["SICKR"]
    assert sick.first[0] == "There is no boy playing outdoors and there is no man smiling"
    assert sick.scores[:3].tolist() == [3.3, 3.7, 3.0]
    # the first rated line of a file in which most lines are not: text and score must come from one line
    folder = senteval / "downstream" / "STS" / "STS16-en-test"
    golds = (folder / "STS.gs.headlines.txt").read_text().splitlines()
    line = next(i for i, g in enumerate(golds) if g)
    text = (folder / "STS.input.headlines.txt").read_text().split("\n")[line]
    headlines = real.sts("STS16")["headlines"]
    assert text == f"{headlines.first[0]}\t{headlines.second[0]}"
    assert headlines.scores[0] == float(golds[line])


def test_transfer_spot_values(real):
    mr = real.transfer("MR")["all"]
    assert mr.labels.tolist() == [1] * 5331 + [0] * 5331
    assert mr.first[5331] == "simplistic , silly and tedious ."
    trec = real.transfer("TREC")["train"]
    assert (trec.first[0], trec.labels[0]) == ("How did serfdom develop in and then leave Russia ?", 1)
    assert any("\xf0" in sentence for sentence in trec.first)  # the byte that is not UTF-8
    sst = real.transfer("SST2")["train"]
    assert (sst.first[2], sst.labels[2]) == (
        "that loves its characters and communicates something rather beautiful about human nature",
        1,
    )
    mrpc = real.transfer("MRPC")["train"]
    assert mrpc.first[0].startswith('Amrozi accused his brother , whom he called " the witness " ,')
    assert mrpc.second[0].startswith('Referring to him as only " the witness "')
    assert mrpc.labels[:2].tolist() == [1, 0]


def test_dev_and_whole_sick(real):
    assert real.dev_name == "STSB-dev"
    assert len(real.dev().scores) == 1500
    everything, test = real.sick_all(), real.sts("SICKR")["SICKR"]
    assert len(everything.first) == len(everything.second) == len(everything.scores) == 9927
    assert everything.first[-4927:] == test.first
    assert everything.scores[-4927:].tolist() == test.scores.tolist()


def test_how_far_the_sets_of_pairs_overlap(real):
    """The counts that docs/protocols.md states."""
    tests = {task: [key for pairs in real.sts(task).values() for key in pairs.keys] for task in STS_TASKS}
    years = {key for task in sources.STS_SUBSETS for key in tests[task]}
    dev = set(real.dev().keys)
    assert (len(real.dev().scores), len(dev)) == (1500, 1496)
    assert {task: len(dev & {*keys}) for task, keys in tests.items()} == {
        **{"STS12": 254, "STS13": 81, "STS14": 193, "STS15": 580, "STS16": 22},
        **{"STSB": 3, "SICKR": 10},
    }
    assert len(dev & years) == 1129
    assert len(dev & {key for keys in tests.values() for key in keys}) == 1135
    assert sum(key in years for key in tests["STSB"]) == 1007
    assert sum(key in years | {*tests["SICKR"]} for key in tests["STSB"]) == 1017
    assert dev >= set(real.sts("STS15")["answers-forums"].keys)  # a whole subset


def test_blank_lines_are_the_seven_known_ones(real):
    blank = {task: real.transfer(task)["all"].first.count("") for task in sources.BINARY_FILES}
    assert blank == {"MR": 0, "CR": 4, "SUBJ": 0, "MPQA": 3}


def test_manifest_is_the_checksums_of_the_real_files(real, senteval):
    sums = real.checksums([*STS_TASKS, *TRANSFER_TASKS])
    assert sums == read_manifest(MANIFEST)
    name = "downstream/SICK/SICK_trial.txt"
    assert sums[name] == hashlib.sha256((senteval / name).read_bytes()).hexdigest()


def test_checksums_cover_only_the_tasks_and_dev(real):
    dev = "downstream/STS/STSBenchmark/sts-dev.csv"
    assert set(real.checksums([])) == {dev}
    assert set(real.checksums(["MR"])) == {
        dev,
        "downstream/MR/rt-polarity.pos",
        "downstream/MR/rt-polarity.neg",
    }


def test_manifest_names_every_file_of_every_task():
    names = {f"downstream/{n}" for t in (*STS_TASKS, *TRANSFER_TASKS) for n in sources.senteval_files(t)}
    assert set(read_manifest(MANIFEST)) == names | {f"downstream/{sources.STSB_DEV}"}


# specs and names


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("packge:gensim", "did you mean 'package:gensim'"),
        ("hubb", "did you mean 'hub'"),
        ("senteval:", "did you mean 'senteval:FOLDER'"),
        ("", "valid: senteval:FOLDER, hub, package:gensim"),
        ("package:nltk", "unknown data source 'package:nltk'"),
    ],
)
def test_unknown_source(spec, hint):
    with pytest.raises(InputError, match=hint):
        open_source(spec)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=str(tmp_path / "nothing" / "downstream")):
        open_source(f"senteval:{tmp_path / 'nothing'}")


def test_a_folder_that_no_file_system_can_hold():
    with pytest.raises(InputError, match=r"data source 'senteval:aaa.*is not a folder"):
        open_source(f"senteval:{5000 * 'a'}")


def test_unknown_tasks(tmp_path):
    source = put(tmp_path, {})
    with pytest.raises(InputError, match="no task 'STS17'; did you mean 'STS1"):
        source.sts("STS17")
    with pytest.raises(InputError, match="no task 'MPRC'; did you mean 'MRPC'"):
        source.transfer("MPRC")
    with pytest.raises(InputError, match="no task 'STSB'"):  # a task of the other suite
        source.transfer("STSB")
    with pytest.raises(InputError, match="no task 'LEE'"):
        source.checksums(["LEE"])


# gensim


def test_lee():
    source = open_source("package:gensim")
    assert (source.sts_tasks, source.transfer_tasks, source.dev_name) == (("LEE",), ("POLARITY",), "LEE-dev")
    dev, test = source.dev(), source.sts("LEE")["LEE"]
    assert len(dev.scores) == len(test.scores) == 300
    assert dev.first[0].startswith("The national executive of the strife-torn Democrats")
    assert dev.second[0].startswith("Cash-strapped financial services group AMP")
    assert dev.scores[:5].tolist() == [0.3, 0.24, 0.2, 0.3, 0.5]  # the matrix' first row, after its diagonal
    dev_texts, test_texts = {*dev.first, *dev.second}, {*test.first, *test.second}
    assert (len(dev_texts), len(test_texts), dev_texts & test_texts) == (25, 25, set())
    assert any("£3,000" in text for text in dev_texts | test_texts)
    assert test.scores.min() >= 0.2  # an unfilled cell of the lower triangle would be 0


def test_polarity():
    split = open_source("package:gensim").transfer("POLARITY")["all"]
    assert split.labels.tolist() == [1] * 100 + [0] * 100
    assert split.first[100] == "simplistic , silly and tedious ."
    assert any("clichés" in sentence for sentence in split.first)


def test_gensim_has_no_sick_and_its_checksums_follow_the_tasks():
    source = open_source("package:gensim")
    with pytest.raises(InputError, match="has no SICK"):
        source.sick_all()
    with pytest.raises(InputError, match="no task 'STSB'; valid: LEE"):
        source.sts("STSB")
    assert len(source.checksums(["LEE"])) == 2
    name = "gensim/test/test_data/pang_lee_polarity.cor"
    digest = hashlib.sha256((Gensim().folder / "pang_lee_polarity.cor").read_bytes()).hexdigest()
    assert source.checksums(["LEE", "POLARITY"])[name] == digest
