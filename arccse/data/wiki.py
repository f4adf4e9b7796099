"""From a Wikipedia dump to sentences.

gensim takes templates, tables, references and link syntax away; what is here cuts the rest into sentences and
drops what is not running prose or has lost words with its markup.
"""

import bz2
import re
from collections.abc import Iterator
from pathlib import Path

from arccse.errors import InputError

MIN_WORDS, MAX_WORDS = 5, 100

# Stands where gensim removes text without a trace, so that the sentence with the gap can be dropped.
HOLE = "\ufffc"
# Templates that put words into a sentence ({{convert|5|km}}) leave a hole; those that start so do not.
ANNOTATION = (
    "cite|citation|harv|sfn|rp|ref|efn|note|fact|cn|page|clarif|when|who|by whom|dubious|dead|verif|better"
    "|failed|according|update|vague|specify|disputed|undue|weasel|peacock|original|unreliable|wayback"
    "|webarchive|isbn"
)
# Formulas leave a hole as well, and so do pictures: their captions are mostly no sentences.
LEAVES_HOLE = re.compile(
    rf"\{{\{{(?!\s*(?:{ANNOTATION}))|<(?:math|chem|code|score|timeline)\b|\[\[(?:File|Image):", re.IGNORECASE
)
REDIRECT = re.compile(r"\s*#\s*redirect", re.IGNORECASE)

# A sentence ends at . ! or ? and what closes behind it, before white space and a capital or digit …
BOUNDARY = re.compile(r"""[.!?]["”’')\]]*\s+(?=["“‘'(\[]?[A-Z0-9])""")
# … unless the full stop belongs to an initial, to dotted letters (U.S., e.g.) or to one of these.
ABBREVIATION = re.compile(
    r"""(?:^|[\s(\["“'–-])(?:[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]|Mr|Mrs|Ms|Dr|St|Ste|Prof|Rev|Hon|Gen|Lt|Col"""
    r"|Capt|Maj|Brig|Sgt|Adm|Gov|Sen|Rep|Pres|Jr|Sr|Mt|Ft|vs|v|c|ca|cf|al|no|No|Nos|Vol|vol|Ch|Fig|fig|pp|p|ed"
    r"|eds|trans|approx|est|fl|b|d|r|Inc|Ltd|Co|Corp|Bros|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|Op|op"
    r"|lit|Lat|Gr|esp|viz)\.$"
)
# Prose begins with a capital (perhaps after a quote, a bracket or a number) and ends like a sentence.
PROSE = re.compile(r"""["“‘'(]?(?:[A-Z]|[0-9][^A-Za-z]{0,12}[A-Za-z]).*[A-Za-z0-9)%"”’']["”’')]*[.!?]["”’')]*""")
DEBRIS = re.compile(
    r"https?:|www\.|ISBN|^(?:File|Image):|[{}<>|=\[\]\\^~*#_•→]"
    r"|\(\s*[,;:)]|\(\s|[,;:(]\s*\)|\s[,.;:!?](?:\s|$)|,,|\.\.(?!\.)"
)


def wiki_sentences(dump: Path) -> Iterator[str]:
    """The sentences of the articles (namespace 0, no redirects) in a bz2-compressed MediaWiki XML dump.

    Raises InputError where the file is missing or damaged. Source of the tools: gensim.corpora.wikicorpus.
    """
    from xml.etree.ElementTree import ParseError

    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    try:
        with bz2.open(dump) as stream:
            for _, text, _ in extract_pages(stream, filter_namespaces=("0",)):
                if text and not REDIRECT.match(text):
                    yield from prose(filter_wiki(LEAVES_HOLE.sub(lambda m: HOLE + m[0], text)))
    except (OSError, EOFError, ParseError, StopIteration, ValueError) as error:
        raise InputError(f"{dump} is not a readable bz2-compressed Wikipedia dump: {error}.") from error


def prose(text: str) -> Iterator[str]:
    """The sentences of an article without markup. A line is a paragraph, a heading or a list item."""
    for line in text.replace("\xa0", " ").splitlines():
        line = re.sub("'{2,}", "", line)  # wiki's bold and italics
        if line[:1].isalnum() or line[:1] in "\"“‘'(":
            yield from filter(is_sentence, split_sentences(" ".join(line.split())))


def split_sentences(paragraph: str) -> list[str]:
    """Cut a paragraph behind its full stops, exclamation and question marks, except in abbreviations."""
    parts, start = [], 0
    for match in BOUNDARY.finditer(paragraph):
        if not ABBREVIATION.search(paragraph, start, match.start() + 1):
            parts.append(paragraph[start : match.end()].rstrip())
            start = match.end()
    return [*parts, paragraph[start:].rstrip()]


def is_sentence(text: str) -> bool:
    """Whether a piece of a paragraph is one whole sentence of running English."""
    words = text.split()
    letters = sum(c.isalpha() or c == " " for c in text)
    return (
        MIN_WORDS <= len(words) <= MAX_WORDS
        and PROSE.fullmatch(text) is not None
        and HOLE not in text
        and DEBRIS.search(text) is None
        and text.count("(") == text.count(")")
        and text.count('"') % 2 == 0
        and letters >= 0.7 * len(text)  # else a table, a formula or a reference
    )
