"""Reading human-rated data: real files where they are at hand, small damaged ones made here."""

import hashlib
import io
import shutil
import tarfile
import time
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from hub_server import serve

from arccse.errors import InputError
from arccse.evaluation import sources
from arccse.evaluation.sources import STS_TASKS, TRANSFER_TASKS, Gensim, SentEvalHub, open_source

SENTEVAL = Path(__file__).parents[2].parent / "shared" / "data" / "senteval"
needs_senteval = pytest.mark.skipif(not SENTEVAL.is_dir(), reason=f"the SentEval data is not at {SENTEVAL}")
TAR_PATH = f"/datasets/{sources.HUB_REPO}/resolve/{sources.HUB_REVISION}/{sources.HUB_FILE}"


@pytest.fixture(scope="module")
def senteval():
    return open_source(f"senteval:{SENTEVAL}")


def put(folder: Path, files: dict[str, str | bytes]) -> sources.Source:
    """A SentEval folder with these files below `downstream`."""
    (folder / "downstream").mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / "downstream" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_source(f"senteval:{folder}")


# the real files


@needs_senteval
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
def test_sts_sizes(senteval, task, sizes):
    subsets = senteval.sts(task)
    assert list(subsets) == list(sources.STS_SUBSETS.get(task, [task]))
    assert [len(p.scores) for p in subsets.values()] == sizes
    for pairs in subsets.values():
        assert len(pairs.first) == len(pairs.second) == len(pairs.scores)
        assert pairs.scores.dtype == np.float64
        assert pairs.scale == ((1.0, 5.0) if task == "SICKR" else (0.0, 5.0))


@needs_senteval
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
def test_transfer_sizes(senteval, task, sizes):
    splits = senteval.transfer(task)
    assert {name: len(split.labels) for name, split in splits.items()} == sizes
    for split in splits.values():
        assert len(split.first) == len(split.labels)
        assert split.labels.dtype == np.int64
        assert (split.second is not None) == (task == "MRPC")
        assert set(split.labels) == set(range(6 if task == "TREC" else 2))


@needs_senteval
def test_spot_values(senteval):
    stsb = senteval.sts("STSB")["STSB"]
    assert (stsb.first[0], stsb.second[0], stsb.scores[0]) == (
        "a girl is styling her hair .",
        "a girl is brushing her hair .",
        2.5,
    )
    sick = senteval.sts("SICKR")["SICKR"]
    assert sick.first[0] == "There is no boy playing outdoors and there is no man smiling"
    assert sick.scores[:3].tolist() == [3.3, 3.7, 3.0]
    # the first rated line of a file in which most lines are not: text and score must come from one line
    folder = SENTEVAL / "downstream" / "STS" / "STS16-en-test"
    golds = (folder / "STS.gs.headlines.txt").read_text().splitlines()
    line = next(i for i, g in enumerate(golds) if g)
    text = (folder / "STS.input.headlines.txt").read_text().split("\n")[line]
    headlines = senteval.sts("STS16")["headlines"]
    assert text == f"{headlines.first[0]}\t{headlines.second[0]}"
    assert headlines.scores[0] == float(golds[line])


@needs_senteval
def test_transfer_spot_values(senteval):
    mr = senteval.transfer("MR")["all"]
    assert mr.labels.tolist() == [1] * 5331 + [0] * 5331
    assert mr.first[5331] == "simplistic , silly and tedious ."
    trec = senteval.transfer("TREC")["train"]
    assert (trec.first[0], trec.labels[0]) == ("How did serfdom develop in and then leave Russia ?", 1)
    assert any("\xf0" in sentence for sentence in trec.first)  # the byte that is not UTF-8
    sst = senteval.transfer("SST2")["train"]
    assert (sst.first[2], sst.labels[2]) == (
        "that loves its characters and communicates something rather beautiful about human nature",
        1,
    )
    mrpc = senteval.transfer("MRPC")["train"]
    assert mrpc.first[0].startswith('Amrozi accused his brother , whom he called " the witness " ,')
    assert mrpc.second[0].startswith('Referring to him as only " the witness "')
    assert mrpc.labels[:2].tolist() == [1, 0]


@needs_senteval
def test_dev_and_whole_sick(senteval):
    assert senteval.dev_name == "STSB-dev"
    assert len(senteval.dev().scores) == 1500
    everything, test = senteval.sick_all(), senteval.sts("SICKR")["SICKR"]
    assert len(everything.first) == len(everything.second) == len(everything.scores) == 9927
    assert everything.first[-4927:] == test.first
    assert everything.scores[-4927:].tolist() == test.scores.tolist()


@needs_senteval
def test_blank_lines_are_the_seven_known_ones(senteval):
    blank = {task: senteval.transfer(task)["all"].first.count("") for task in sources.BINARY_FILES}
    assert blank == {"MR": 0, "CR": 4, "SUBJ": 0, "MPQA": 3}


@needs_senteval
def test_manifest_is_the_checksums_of_the_real_files(senteval):
    sums = senteval.checksums([*STS_TASKS, *TRANSFER_TASKS])
    assert sums == sources.read_manifest(sources.MANIFEST)
    name = "downstream/SICK/SICK_trial.txt"
    assert sums[name] == hashlib.sha256((SENTEVAL / name).read_bytes()).hexdigest()


@needs_senteval
def test_checksums_cover_only_the_tasks_and_dev(senteval):
    dev = "downstream/STS/STSBenchmark/sts-dev.csv"
    assert set(senteval.checksums([])) == {dev}
    assert set(senteval.checksums(["MR"])) == {
        dev,
        "downstream/MR/rt-polarity.pos",
        "downstream/MR/rt-polarity.neg",
    }


def test_manifest_names_every_file_of_every_task():
    names = {f"downstream/{n}" for t in (*STS_TASKS, *TRANSFER_TASKS) for n in sources.senteval_files(t)}
    assert set(sources.read_manifest(sources.MANIFEST)) == names | {f"downstream/{sources.STSB_DEV}"}


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


# small files made here

SICK_HEADER = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
MRPC_HEADER = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
STS13 = {
    f"STS/STS13-en-test/STS.{kind}.{subset}.txt": content
    for subset in ("FNWN", "headlines", "OnWN")
    for kind, content in (("input", "a b\tc\nd\te\x85f\ng\th\n"), ("gs", "1.5\n\n5\n"))
}


def test_blank_gold_drops_the_pair_and_only_line_feeds_end_lines(tmp_path):
    pairs = put(tmp_path, STS13).sts("STS13")["OnWN"]
    assert (pairs.first, pairs.second, pairs.scores.tolist()) == (["a b", "g"], ["c", "h"], [1.5, 5.0])


def test_extra_columns_and_carriage_returns(tmp_path):
    files = {
        sources.STSB_TEST: "g\tf\ty\t1\t2.5\ta  b \tc\tlicence\tnote\r\ng\tf\ty\t2\t0\td\te\r\n",
        sources.SICK_FILES["test"]: (SICK_HEADER + "1\ta\tb\t4.5\tNEUTRAL\n").replace("\n", "\r\n"),
    }
    source = put(tmp_path, files)
    stsb = source.sts("STSB")["STSB"]
    assert (stsb.first, stsb.second, stsb.scores.tolist()) == (["a b", "d"], ["c", "e"], [2.5, 0.0])
    assert source.sts("SICKR")["SICKR"].scores.tolist() == [4.5]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gs.headlines", None, "STS.gs.headlines.txt is missing"),
        ("input.headlines", "", "STS.input.headlines.txt is empty"),
        (
            "input.headlines",
            "a\tb\nd\te\ng",
            "STS.input.headlines.txt, line 3: 1 tab-separated columns, 2 are",
        ),
        ("input.headlines", "a\tb\nd\te\ng\t\n", "STS.input.headlines.txt, line 3: column 2 is blank"),
        ("input.headlines", b"a\tb\nd\t\xff\ng\th\n", "headlines.txt, line 2: byte 0xff is not valid UTF-8"),
        ("gs.headlines", "1\n2\n", "STS.gs.headlines.txt has 2 lines, but .*input.headlines.txt has 3"),
        ("gs.headlines", "\n\n\n", "STS.gs.headlines.txt is empty"),
        ("gs.headlines", "1\n2\nx", "STS.gs.headlines.txt, line 3: score 'x' is not a number from 0 to 5"),
        ("gs.headlines", "1\nnan\n3\n", "STS.gs.headlines.txt, line 2: score 'nan'"),
        ("gs.headlines", "inf\n2\n3\n", "STS.gs.headlines.txt, line 1: score 'inf'"),
        ("gs.headlines", "1\n2\n5.1\n", "STS.gs.headlines.txt, line 3: score '5.1'"),
    ],
)
def test_damaged_sts(tmp_path, name, content, message):
    source = put(tmp_path, STS13)
    path = f"STS/STS13-en-test/STS.{name}.txt"
    if content is None:
        (tmp_path / "downstream" / path).unlink()
    else:
        put(tmp_path, {path: content})
    with pytest.raises(InputError, match=message):
        source.sts("STS13")


def test_missing_file_is_named_in_full(tmp_path):
    with pytest.raises(InputError) as caught:
        put(tmp_path, {}).dev()
    assert str(tmp_path / "downstream" / sources.STSB_DEV) in str(caught.value)


@pytest.mark.parametrize(
    ("task", "file", "content", "message"),
    [
        (
            "STSB",
            sources.STSB_TEST,
            "g\tf\ty\t1\t2.5\ta\n",
            "sts-test.csv, line 1: 6 tab-separated columns, 7",
        ),
        ("STSB", sources.STSB_TEST, "g\tf\ty\t1\tbad\ta\tb\n", "sts-test.csv, line 1: score 'bad'"),
        ("SICKR", sources.SICK_FILES["test"], "1\ta\tb\t4.5\tNEUTRAL\n", "annotated.txt, line 1: the header"),
        ("SICKR", sources.SICK_FILES["test"], SICK_HEADER, "annotated.txt has a header, but no lines"),
        ("SICKR", sources.SICK_FILES["test"], SICK_HEADER + "1\ta\tb\t0\tN\n", "line 2: score '0' .* 1 to 5"),
        ("SST2", "SST/binary/sentiment-train", "good\t1\nbad\n", "sentiment-train, line 2: 1 tab-separated"),
        (
            "SST2",
            "SST/binary/sentiment-train",
            "good\t1\nbad\t\n",
            "sentiment-train, line 2: unknown label ''",
        ),
        ("SST2", "SST/binary/sentiment-train", "good\t2\n", "unknown label '2'; valid: 0, 1"),
        (
            "TREC",
            "TREC/train_5500.label",
            "DESC:def What ?\nENTY:x\n",
            "train_5500.label, line 2: 'LABEL:fine",
        ),
        ("TREC", "TREC/train_5500.label", "What is this ?\n", "train_5500.label, line 1: 'LABEL:fine"),
        (
            "TREC",
            "TREC/train_5500.label",
            "DESK:def What ?\n",
            "line 1: unknown label 'DESK'; valid: ABBR, DESC",
        ),
        (
            "MRPC",
            "MRPC/msr_paraphrase_train.txt",
            "1\t2\t3\ta\tb\n",
            "paraphrase_train.txt, line 1: the header",
        ),
        ("MRPC", "MRPC/msr_paraphrase_train.txt", MRPC_HEADER + "1\t2\t3\ta\n", "line 2: 4 tab-separated"),
        (
            "MRPC",
            "MRPC/msr_paraphrase_train.txt",
            MRPC_HEADER + "x\t2\t3\ta\tb\n",
            "line 2: unknown label 'x'",
        ),
        ("MR", "MR/rt-polarity.pos", "", "rt-polarity.pos is empty"),
    ],
)
def test_damaged_tasks(tmp_path, task, file, content, message):
    source = put(tmp_path, {file: content})
    with pytest.raises(InputError, match=message):
        source.sts(task) if task in STS_TASKS else source.transfer(task)


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


@pytest.mark.parametrize(
    ("file", "line", "new", "message"),
    [
        ("lee.cor", 3, None, "lee.cor has 49 documents, 50 are needed"),
        ("similarities0-1.txt", 3, None, "similarities0-1.txt has 49 lines"),
        ("similarities0-1.txt", 3, "0 0 1 0.5", "similarities0-1.txt, line 3: 4 columns, 50 are needed"),
        ("similarities0-1.txt", 3, "0 " * 49 + "much", "similarities0-1.txt, line 3: score 'much'"),
        ("pang_lee_polarity.cor", 3, "no label here", "pang_lee_polarity.cor, line 3: unknown label 'no'"),
        ("pang_lee_polarity.cor", 3, "__label__pos ", "pang_lee_polarity.cor, line 3: .* not followed by"),
    ],
)
def test_damaged_package_data(tmp_path, file, line, new, message):
    for name in ("lee.cor", "similarities0-1.txt", "pang_lee_polarity.cor"):
        shutil.copy(Gensim().folder / name, tmp_path)
    lines = (tmp_path / file).read_bytes().split(b"\n")
    lines[line - 1 : line] = [] if new is None else [new.encode()]
    (tmp_path / file).write_bytes(b"\n".join(lines))
    source = Gensim(tmp_path)
    with pytest.raises(InputError, match=message):
        source.transfer("POLARITY") if "polarity" in file else source.dev()


# the hub

MR = {"MR/rt-polarity.pos": b"good .\n", "MR/rt-polarity.neg": b"bad .\nawful .\n"}


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "small.sha256"
    rows = [f"{hashlib.sha256(content).hexdigest()}  downstream/{name}\n" for name, content in MR.items()]
    path.write_text("".join(rows))
    return path


def test_hub_downloads_once_lazily_and_keeps_only_what_is_listed(tmp_path, manifest):
    cache = tmp_path / "cache"
    with serve({TAR_PATH: archive({"./SNLI/big": b"x", **MR})}) as hub:
        source = SentEvalHub(cache, manifest, hub.endpoint)
        assert not cache.exists()
        assert hub.gets == []
        assert source.transfer("MR")["all"].first == ["good .", "bad .", "awful ."]
        assert SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")["all"].labels.tolist() == [1, 0, 0]
        assert hub.gets == [TAR_PATH]
    folder = cache / f"senteval-{sources.HUB_REVISION[:8]}"
    assert list(cache.iterdir()) == [folder]  # neither the archive nor a temporary folder stays
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == {f"downstream/{name}" for name in MR}


def test_open_source_hub_uses_the_cache_folder_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = open_source("hub")
    assert (source.spec, source.sts_tasks) == ("hub", STS_TASKS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"senteval\.tar .* could not be fetched .* use senteval:FOLDER"):
        source.dev()
    assert list((tmp_path / "arccse").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "links", "message"),
    [
        ({**MR, "MR/rt-polarity.neg": b"bad .\nawful !\n"}, {}, "downstream/MR/rt-polarity.neg has sha256"),
        ({"MR/rt-polarity.pos": b"good .\n"}, {}, "downstream/MR/rt-polarity.neg is missing in senteval.tar"),
        ({}, {"MR/rt-polarity.pos": "/etc/passwd"}, r"senteval\.tar .* cannot be unpacked"),
        ({}, {"MR/rt-polarity.pos": "../../../../outside"}, r"senteval\.tar .* cannot be unpacked"),
    ],
)
def test_tampered_archive(tmp_path, manifest, files, links, message):
    with (
        serve({TAR_PATH: archive(files, links)}) as hub,
        pytest.raises(InputError, match=message),
    ):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    assert list((tmp_path / "cache").iterdir()) == []


def test_members_that_leave_the_folder_are_never_written(tmp_path, manifest):
    before = set(tmp_path.parent.iterdir())
    evil = {"../../../evil": b"1", "MR/../../../evil": b"2", str(tmp_path / "evil"): b"3"}
    with serve({TAR_PATH: archive({**evil, **MR})}) as hub:
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    assert list(tmp_path.rglob("evil")) == []
    assert set(tmp_path.parent.iterdir()) == before


def test_archive_cut_short(tmp_path, manifest):
    whole = archive(MR)
    with (
        serve({TAR_PATH: whole[:700]}) as hub,
        pytest.raises(InputError, match=r"senteval\.tar .* cannot be unpacked|is missing in senteval\.tar"),
    ):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")


def test_cache_that_was_changed_later(tmp_path, manifest):
    cache = tmp_path / "cache"
    with serve({TAR_PATH: archive(MR)}) as hub:
        SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")
        changed = cache / f"senteval-{sources.HUB_REVISION[:8]}" / "downstream" / "MR" / "rt-polarity.pos"
        changed.write_bytes(b"great .\n")
        with pytest.raises(InputError, match=r"rt-polarity\.pos has sha256 .* delete .* to fetch it again"):
            SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")


def test_hub_without_the_file_or_out_of_reach(tmp_path, manifest, monkeypatch):
    with serve({}) as hub, pytest.raises(InputError, match=r"could not be fetched .*404"):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits 23 s between its six attempts
    with pytest.raises(InputError, match=f"{sources.HUB_REVISION} could not be fetched .*refused"):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")


def test_cache_that_cannot_be_created(tmp_path, manifest):
    with pytest.raises(InputError, match=r"cannot create the cache folder .*small\.sha256/cache"):
        SentEvalHub(manifest / "cache", manifest, "http://127.0.0.1:9").transfer("MR")
