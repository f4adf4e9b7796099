"""Training sentences: specs, files, the Wikipedia excerpt and the hub."""

import bz2
import time
from functools import partial

import pytest
from hub_server import serve

from arccse import corpus
from arccse.corpus import check_spec, is_sentence, prose, sentences, split_sentences, wiki_sentences
from arccse.errors import InputError
from arccse.evaluation.sources import hub_file

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
        monkeypatch.setattr(corpus, "hub_file", partial(hub_file, endpoint=hub.endpoint))
        assert sentences(WIKI1M, tmp_path) == ["first .", "second .", "first ."]
        assert sentences(WIKI1M, tmp_path) == ["first .", "second .", "first ."]
        assert hub.gets == [WIKI1M_PATH]


def test_hub_out_of_reach(tmp_path, monkeypatch):
    with serve({}) as hub:
        monkeypatch.setattr(corpus, "hub_file", partial(hub_file, endpoint=hub.endpoint))
        with pytest.raises(InputError, match=f"wiki1m_for_simcse.txt .* at revision {REVISION} could not be"):
            sentences(WIKI1M, tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits 23 s between its six attempts
    with pytest.raises(InputError, match=r"refused.*Without a network, use file:PATH"):
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


@pytest.mark.parametrize(
    ("paragraph", "parts"),
    [
        ("It rained. He left!  Why? No.", ["It rained.", "He left!", "Why?", "No."]),
        ("Dr. J. B. Smith met Gen. Lee. They spoke.", ["Dr. J. B. Smith met Gen. Lee.", "They spoke."]),
        ("He lives in the U.S. Senate, vol. 3 says.", ["He lives in the U.S. Senate, vol. 3 says."]),
        ('She said "go." Then (he left.) Later so.', ['She said "go."', "Then (he left.)", "Later so."]),
        ("It is 3.5 m long, e.g. here. 12 are.", ["It is 3.5 m long, e.g. here.", "12 are."]),
    ],
)
def test_split_sentences(paragraph, parts):
    assert split_sentences(paragraph) == parts


@pytest.mark.parametrize(
    "text",
    [
        "Too short a.",
        "The sentence without its full stop",
        "begins in the middle of something else.",
        "The river is \ufffc long and flows north.",
        "The river (, also ) flows to the north.",
        "See http://example.org for more about the river.",
        "Image:River.jpg is a picture of it.",
        "The bracket (is never closed in here.",
        'The quote "is never closed in here.',
        "The year 1990 1991 1992 1993 1994 1995 1996.",
        "The " + "very " * 100 + "long river flows.",
    ],
)
def test_what_is_no_sentence(text):
    assert not is_sentence(text)


def test_prose_keeps_paragraphs_only():
    text = "==Heading of a section.==\n* A list item that is a sentence.\n'''Bold''' text is\xa0kept in it.\n"
    assert list(prose(text)) == ["Bold text is kept in it."]


PAGE = "<page><title>{title}</title><ns>{ns}</ns><id>1</id><revision><text>{text}</text></revision></page>"


def dump(path, *pages):
    xml = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo><x/></siteinfo>'
    path.write_bytes(bz2.compress((xml + "".join(pages) + "</mediawiki>").encode()))
    return path


def test_markup_redirects_and_other_namespaces(tmp_path):
    river = (
        "{{Infobox river|name=The name is not a sentence here.}}\n"
        "[[File:a.jpg|thumb|A caption that is a sentence.]]\n"
        "The '''[[Rhine|river Rhine]]''' is quite long.&lt;ref&gt;It has a footnote as well.&lt;/ref&gt; "
        "It is {{convert|5|km}} longer than others. It flows north{{citation needed}} and then west."
    )
    path = dump(
        tmp_path / "dump.bz2",
        PAGE.format(title="Rhine", ns=0, text=river),
        PAGE.format(title="Rhein", ns=0, text="#REDIRECT [[Rhine]]\nThis is a sentence that nobody reads."),
        PAGE.format(title="Talk:Rhine", ns=1, text="This is a sentence on another kind of page."),
    )
    assert list(wiki_sentences(path)) == ["The river Rhine is quite long.", "It flows north and then west."]


@pytest.mark.parametrize("damage", ["missing", "not bz2", "cut", "not xml", "empty"])
def test_damaged_dump(tmp_path, damage):
    path = tmp_path / "dump.bz2"
    if damage != "missing":
        whole = dump(path, PAGE.format(title="A", ns=0, text="x")).read_bytes()
        contents = {"not bz2": b"plain", "cut": whole[:-9], "not xml": bz2.compress(b"plain"), "empty": b""}
        path.write_bytes(contents[damage])
    with pytest.raises(InputError, match=r"dump\.bz2 is not a readable bz2-compressed Wikipedia dump"):
        list(wiki_sentences(path))
