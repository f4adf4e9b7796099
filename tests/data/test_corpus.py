"""Training sentences: specs, files, the Wikipedia excerpt and the hub."""

import hashlib
import time
from functools import partial

import pytest
from hub_server import serve

from arccse import hub as hubs
from arccse.data import corpus
from arccse.data.corpus import check_repeats, check_spec, sentences
from arccse.errors import InputError

# A measured number: a change of the cleaning rules changes it, and with it every run's corpus hash.
WIKI_SENTENCES = 16289
REVISION = "e145e8bb659b2aa2669f32ef79cb4cdef6c58fef"
WIKI1M = f"hub:princeton-nlp/datasets-for-simcse/wiki1m_for_simcse.txt@{REVISION}"
WIKI1M_PATH = f"/datasets/princeton-nlp/datasets-for-simcse/resolve/{REVISION}/wiki1m_for_simcse.txt"


@pytest.mark.parametrize("spec", ["package:gensim", "file:a", "file:/a b.txt", WIKI1M, f"hub:a/b/c/d.txt@{REVISION}"])
def test_valid_specs(spec):
    check_spec(spec)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("package:gensin", "did you mean 'package:gensim'"),
        ("file:", "unknown corpus 'file:'"),
        ("wiki", "valid: package:gensim, file:PATH, hub:"),
        ("hub:a/b/c.txt", "commit hash of 40 hex digits"),
        ("hub:a/b/c.txt@main", "commit hash of 40 hex digits"),
        (f"hub:a/c.txt@{REVISION}", "hub:OWNER/NAME/FILE@"),
    ],
)
def test_bad_specs(spec, hint):
    with pytest.raises(InputError, match=hint):
        check_spec(spec)
    with pytest.raises(InputError, match=hint):
        sentences(spec)


def test_file_is_squeezed_and_keeps_its_order_and_repetitions(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes("b  b\t.\n\na é\r\nb b .\n c \na é".encode())
    assert sentences(f"file:{path}") == ["b b .", "a é", "b b .", "c", "a é"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "corpus.txt is missing"),
        (b"", "corpus.txt is empty"),
        (b" \n\n\t\n", "corpus.txt is empty"),
        ("\u2003\n".encode(), "has no sentences"),  # white space only, though not to bytes
        (b"one\ntwo\nthr\xe9e\n", "corpus.txt, line 3: byte 0xe9 is not valid UTF-8"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "corpus.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        sentences(f"file:{path}")


def test_hub_file_is_fetched_once_into_the_cache(tmp_path, monkeypatch):
    with serve({WIKI1M_PATH: b"first .\nsecond .\nfirst .\n"}) as hub:
        monkeypatch.setattr(hubs, "file", partial(hubs.file, endpoint=hub.endpoint))
        assert sentences(WIKI1M, tmp_path) == ["first .", "second .", "first ."]
        assert sentences(WIKI1M, tmp_path) == ["first .", "second .", "first ."]
        assert hub.gets == [WIKI1M_PATH]


def test_hub_out_of_reach(tmp_path, monkeypatch):
    with serve({}) as hub:
        monkeypatch.setattr(hubs, "file", partial(hubs.file, endpoint=hub.endpoint))
        with pytest.raises(InputError, match=f"wiki1m_for_simcse.txt .* at revision {REVISION} could not be"):
            sentences(WIKI1M, tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits 23 s between its six attempts
    with pytest.raises(InputError, match=r"refused.*can be reached, or use file:PATH as corpus"):
        sentences(WIKI1M, tmp_path)


def test_wikipedia_excerpt():
    found = sentences("package:gensim")
    assert len(found) == len(set(found)) == WIKI_SENTENCES
    assert found == sentences("package:gensim")
    assert "Many Lewis acids are not Arrhenius or Brønsted-Lowry acids, and vice versa." in found
    assert all(5 <= len(s.split()) <= 100 for s in found)
    assert not [s for s in found if any(c in s for c in "{}[]|<>=\ufffc") or "http" in s or "''" in s]
    assert not [s for s in found if not s.rstrip("\"”’')").endswith((".", "!", "?"))]
    assert not [s for s in found if s.startswith(("File:", "Image:", "Category:"))]


def test_repeats_are_counted_and_warned_of():
    hundred = [f"sentence {i}" for i in range(100)]
    assert check_repeats(hundred, 64) is None
    assert check_repeats([*hundred, hundred[0]], 64) is None  # 1 of 101 is less than 1 %
    warning = check_repeats([*hundred, *hundred[:25]], 64)
    assert "25 of the corpus' 125 sentences (20.0%)" in warning


def test_fewer_different_sentences_than_a_batch():
    with pytest.raises(InputError, match="1 different sentences among 65, fewer than batch_size = 64"):
        check_repeats(["the same ."] * 65, 64)
    assert check_repeats([f"sentence {i}" for i in range(64)], 64) is None


@pytest.fixture
def kept(tmp_path):
    """The file of a corpus of two sentences."""
    (tmp_path / "own.txt").write_text("It  rained.\nHe left.\n")
    spec = f"file:{tmp_path / 'own.txt'}"
    corpus.write(corpus.sentences(spec), spec, tmp_path / "corpus-1.txt")
    return tmp_path / "corpus-1.txt"


def test_a_kept_corpus_has_its_checksum(kept):
    assert kept.read_bytes() == b"It rained.\nHe left.\n"
    assert corpus.checksum(kept) == hashlib.sha256(kept.read_bytes()).hexdigest()
    kept.with_suffix(".json").unlink()  # as older versions left it
    assert corpus.checksum(kept) == hashlib.sha256(kept.read_bytes()).hexdigest()


@pytest.mark.parametrize("damage", [b"", b"It rained.\n", b"He left.\nIt rained.\n"])
def test_a_kept_corpus_that_has_changed_is_refused(kept, damage):
    kept.write_bytes(damage)
    with pytest.raises(InputError, match=rf"{kept} is not what it was .* Delete corpus-1\.\* in {kept.parent}"):
        corpus.checksum(kept)


def test_a_record_that_is_cut_is_refused(kept):
    record = kept.with_suffix(".json")
    record.write_text(record.read_text()[:60])
    with pytest.raises(InputError, match=r"corpus-1\.json"):
        corpus.checksum(kept)
