"""Reading the files of human-rated data: small ones made here, sound and damaged."""

import shutil

import numpy as np
import pytest
from senteval_folder import put

from arccse.data import sources
from arccse.data.readers import Pairs, letters
from arccse.data.sources import STS_TASKS, Gensim
from arccse.errors import InputError

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
        sources.SICK_FILES["test"]: (SICK_HEADER + "1\ta\tb\t4.5\tNEUTRAL\n2\ta\tc\t2\tNEUTRAL\n").replace(
            "\n", "\r\n"
        ),
    }
    source = put(tmp_path, files)
    stsb = source.sts("STSB")["STSB"]
    assert (stsb.first, stsb.second, stsb.scores.tolist()) == (["a b", "d"], ["c", "e"], [2.5, 0.0])
    assert source.sts("SICKR")["SICKR"].scores.tolist() == [4.5, 2.0]


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
        ("gs.headlines", "2\n\n2.0\n", "STS.gs.headlines.txt: every score is 2; no correlation"),
        ("input.headlines", "a\tb\nd\te\ng\th\n".encode("utf-16-le"), "headlines.txt holds zero bytes, as UTF-16"),
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
        (
            "MR",
            "MR/rt-polarity.pos",
            "good\n".encode("utf-16"),
            "rt-polarity.pos holds zero bytes.* LATIN-1 is needed",
        ),
        (
            "STSB",
            sources.STSB_TEST,
            "g\tf\ty\t1\t3\ta\tb\n" * 9,
            "sts-test.csv: every score is 3; no correlation",
        ),
    ],
)
def test_damaged_tasks(tmp_path, task, file, content, message):
    source = put(tmp_path, {file: content})
    with pytest.raises(InputError, match=message):
        source.sts(task) if task in STS_TASKS else source.transfer(task)


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


# what tells pairs apart


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A girl is styling her hair.", "a girl is styling her hair .", True),
        ("They don't know", "they do n't know", True),
        ("“Straße” 5.30 p.m.", "STRASSE 5.30pm", True),
        ("a café", "a cafe", False),
        ("5 dogs", "6 dogs", False),
    ],
)
def test_letters_are_those_of_a_sentence_however_it_is_written(one, other, same):
    assert (letters(one) == letters(other)) is same


def test_a_pairs_key_is_that_of_its_sentences_in_either_order():
    pairs = Pairs(["A dog.", "a cat", "a dog"], ["a cat", "a dog .", "a dog"], np.arange(3.0), (0, 5))
    assert pairs.keys == [frozenset({"adog", "acat"}), frozenset({"adog", "acat"}), frozenset({"adog"})]
