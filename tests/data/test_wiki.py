"""From a Wikipedia dump to sentences: cutting, what is dropped, damaged dumps."""

import bz2

import pytest

from arccse.data.wiki import is_sentence, prose, split_sentences, wiki_sentences
from arccse.errors import InputError


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
