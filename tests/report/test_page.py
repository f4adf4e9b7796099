"""The page's HTML, without a browser: one whole file that says all that it was given, and nothing escapes from it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st
from made_page import block, differences, scores

from arccse.errors import InputError
from arccse.evaluation.suites import MEASURES, SUITES
from arccse.report import blocks, glossary, page
from arccse.report.blocks import Cell

ROOT = Path(__file__).parents[2]


def test_the_page_is_one_well_formed_file_that_loads_nothing(content: page.PageContent, tmp_path: Path) -> None:
    page.write(content, tmp_path / "results" / "report.html")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["report.html"]
    html = Page((tmp_path / "results" / "report.html").read_text(encoding="utf-8"))
    assert not [tag for tag, _ in html.elements if tag in ("link", "iframe", "object", "embed", "base")]
    loads = [
        attrs[name] for _, attrs in html.elements for name in ("src", "srcset", "data", "action") if name in attrs
    ]
    assert loads
    assert [url for url in loads if not url.startswith("data:")] == []
    links = [attrs["href"] for _, attrs in html.elements if "href" in attrs]
    assert all(re.match(r"#|(tables|figures)/[^/:]+\.(csv|md|tex|svg|pdf|png)$", link) for link in links)
    style = (page.SOURCES / "page.css").read_text() + (page.SOURCES / "uPlot.min.css").read_text()
    assert "url(" not in style
    assert "@import" not in style
    policy = next(attrs["content"] for _, attrs in html.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    ids = [attrs["id"] for _, attrs in html.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    named = {attrs["aria-labelledby"] for _, attrs in html.elements if "aria-labelledby" in attrs}
    assert named
    assert named <= set(ids)


def test_the_page_says_all_that_it_was_given(content: page.PageContent) -> None:
    html = Page(page.render(content))
    text = html.shown()
    for sentence in [
        *content.studies[0].findings,
        *content.caveats,
        content.answer,
        *content.overviews,
        content.caveat,
        content.question,
        content.command,
        content.generated,
    ]:
        assert sentence in text
    for study in content.studies:
        assert study.title in text
    _, whole, placeholder = (image["alt"] for image in html.images())
    assert whole == content.studies[0].figures[0].alt
    assert placeholder != content.studies[1].figures[0].alt
    assert block().caption in text
    for grid in (scores(), differences()):
        for _, note in grid.notes:
            assert note in text
        for heading, lines in grid.groups:
            assert heading in text
            assert all(cell.text in text for line in lines for cell in line)
        assert all(head in text for head in grid.heads)
    for claim in content.claims:
        said = [claim.sentence, claim.verdict, claim.difference, str(claim.seeds), *claim.details.values()]
        assert all(part in text for part in said)
    assert "pairs 3108 3108" in text
    for run in content.runs:
        assert run["run"].text in text
    assert text.count("0aa72826c1f0b1ac0f0d1d9a84d6d5b0c1b8e3a1") == 1  # common to all runs, said once
    assert "This figure could not be drawn: <why>" in text
    assert "The chart of nothing could not be made." in text
    for image, study in zip(html.images()[1:], content.studies, strict=True):
        assert unquote(image["src"]) == "data:image/svg+xml," + study.figures[0].svg.read_text().replace('"', "'")


def test_every_term_is_defined_once_and_heads_lead_to_their_terms(content: page.PageContent) -> None:
    html = Page(page.render(content))
    anchors = [attrs["id"] for _, attrs in html.elements if attrs.get("id", "").startswith("term-")]
    assert anchors == [glossary.anchor(term) for term in glossary.TERMS]
    assert all(" ".join(text.split()) in html.shown() for text in glossary.TERMS.values())
    asked = {attrs["aria-label"]: attrs["href"] for _, attrs in html.elements if attrs.get("class") == "what"}
    assert asked["What is Avg?"] == "#term-average"
    assert asked["What is Verdict?"] == "#term-verdict"
    assert asked["What is n?"] == "#term-seeds"
    assert asked["What is untrained?"] == "#term-untrained"
    assert set(glossary.HEADS.values()) <= set(glossary.TERMS)


def test_every_head_and_title_of_a_suite_s_comparisons_has_a_term() -> None:
    assert all(glossary.defined(head) for head in blocks.COMPARED)
    assert all(glossary.defined(suite.title) for suite in SUITES.values())
    assert all(glossary.defined(column) for column in MEASURES)
    assert glossary.defined("STS12") == ""


def test_the_embedded_charts_parse_back_equal(content: page.PageContent) -> None:
    html = Page(page.render(content))
    assert html.charts() == page.chart_data(content)
    assert [attrs for attrs, _ in html.scripts][1:] == [{}, {}]  # uPlot and the page's own, nothing cut loose


@given(st.lists(st.text(), min_size=1))
def test_no_text_escapes_from_the_embedded_json(labels: list[str]) -> None:
    embedded = page._json(labels)
    assert not set("<>&\u2028\u2029") & set(embedded)
    assert json.loads(embedded) == labels


def test_the_same_content_gives_the_same_bytes(content: page.PageContent) -> None:
    assert page.render(content) == page.render(content)


def test_a_page_without_studies_or_runs_is_a_page(content: page.PageContent) -> None:
    html = Page(page.render(replace(content, studies=[], runs=[], caveat=None)))
    assert content.answer in html.shown()
    assert html.charts() == {}


def test_the_vendored_library_is_whole_and_cannot_end_its_script_element() -> None:
    library = (page.SOURCES / "uPlot.iife.min.js").read_text()
    assert "uPlot (v1.6.32)" in library
    assert "uPlot 1.6.32" in (page.SOURCES / "page.html.j2").read_text()
    assert "Permission is hereby granted" in (page.SOURCES / "uPlot.LICENSE").read_text()
    for name in ("uPlot.iife.min.js", "page.js"):
        assert not re.search(r"</script|<!--", (page.SOURCES / name).read_text(), re.IGNORECASE)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: replace(c, studies=[c.studies[0]] * 2), "two studies of one name"),
        (lambda c: replace(c, studies=[replace(c.studies[0], charts=c.studies[0].charts[:1] * 2)]), "'STS average'"),
        (
            lambda c: replace(c, studies=[replace(c.studies[0], figures=[page.Figure("x", "x", Path("no.svg"))])]),
            r"no\.svg is not there",
        ),
    ],
)
def test_contents_that_cannot_be_a_page(content: page.PageContent, spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        page.render(spoil(content))


def test_cells_say_their_numbers_and_columns_with_numbers_say_so(content: page.PageContent) -> None:
    html = Page(page.render(replace(content, claims=[], studies=content.studies[:1], runs=[])))
    numbers = [attrs["data-number"] for tag, attrs in html.elements if "data-number" in attrs]
    grids = [page.summary_first(grid) for grid in (scores(), differences())]
    cells = [cell for grid in grids for _, lines in grid.groups for line in lines for cell in line]
    assert [float(number) for number in numbers] == [cell.number for cell in cells if cell.number is not None]
    heads = [attrs for tag, attrs in html.elements if tag == "th" and attrs.get("scope") == "col"]
    assert ["class" in head for head in heads[:15]] == [False, *[True] * 9, False, False, *[True] * 3]


def test_average_and_verdict_stand_right_after_the_names() -> None:
    assert page.summary_first(scores()).heads[:4] == ["Method", "Avg", "Seeds", "STS12"]
    found, before = page.summary_first(differences()), differences()
    assert found.heads == ["", "Verdict", "Difference", "95 % interval", "n"]
    for (heading, lines), (same, old) in zip(found.groups, before.groups, strict=True):
        assert heading == same
        assert [[line[0], *line[2:], line[1]] for line in lines] == old
    units = page.summary_first(scores()).units
    assert units == ["pairs", "", "", *["3108"] * 7]


def test_what_all_runs_share_is_said_once_and_what_some_lack_is_a_dash() -> None:
    runs = [
        {"Run": Cell("a"), "Device": Cell("x"), "Weights": Cell("12"), "Seconds": Cell("60", 60.0)},
        {"Run": Cell("b"), "Device": Cell("x"), "Seconds": Cell("9", 9.0)},
    ]
    shared, grid = page.shared_and_own(runs)
    assert shared == {"Device": "x"}
    assert grid.heads == ["Run", "Weights", "Seconds"]
    assert [[cell.text for cell in line] for line in grid.groups[0][1]] == [["a", "12", "60"], ["b", "–", "9"]]
    assert [grid.is_numeric(column) for column in range(3)] == [False, False, True]
    alone, whole = page.shared_and_own(runs[:1])
    assert (alone, whole.heads) == ({}, ["Run", "Device", "Weights", "Seconds"])
