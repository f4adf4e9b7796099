"""The page: its HTML without a browser, and what it does in headless Chromium where one is installed."""

import base64
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from arccse.errors import InputError
from arccse.report import figures, page
from arccse.statistics import summarise

ROOT = Path(__file__).parents[2]
LABELS = ["untrained", "SimCSE", "ArcCSE", "ArcCon without triplets, at a margin of ten degrees"]
VOID = {"meta", "img", "br", "link", "input", "hr"}


def points(labels: list[str], margins: list[float], seeds: int, base: float = 76.0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        [
            {"label": label, "margin": m, "seed": s, "value": base + i - 0.01 * (m - 8) ** 2 + rng.normal(0, 0.4)}
            for i, label in enumerate(labels)
            for m in margins
            for s in range(seeds)
        ]
    )


def histories(labels: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    lines = [
        {
            "label": label,
            "seed": seed,
            "step": step,
            "alignment": 0.1 + 0.1 * (1 - np.exp(-step / 40)) + 0.01 * i + rng.normal(0, 0.003),
            "uniformity": -1.7 - (0.8 + 0.1 * i) * (1 - np.exp(-step / 30)) + rng.normal(0, 0.02),
            "dev_spearman": 80 + (4 + i) * (1 - np.exp(-step / 50)) + rng.normal(0, 0.3),
        }
        for i, label in enumerate(labels)
        for seed in range(5)
        for step in range(0, 275, 25)
    ]
    return pd.DataFrame(lines)


def comparisons() -> pd.DataFrame:
    lines = [
        ("SimCSE", "ArcCSE", "sts", 0.24, -0.31, 0.79, 5, 0.3125, 0.625, 0.64, "undecided"),
        ("SimCSE", LABELS[3], "sts", 0.61, 0.20, 1.02, 8, 0.0078, 0.0156, 0.92, "higher"),
        ("SimCSE", "ArcCSE", "transfer", -0.42, -0.80, -0.04, 8, 0.0234, 0.0468, 0.12, "lower"),
        ("SimCSE", LABELS[3], "transfer", 0.05, np.nan, np.nan, 1, 1.0, 1.0, 0.5, "undecided"),
    ]
    names = ["baseline", "label", "suite", "difference", "low", "high", "n", "p", "p_holm", "improvement", "verdict"]
    return pd.DataFrame(lines, columns=names).assign(comment="not shown")


def table() -> page.Table:
    tasks = ["STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICKR", "Avg"]
    rng = np.random.default_rng(3)
    lines = [
        [label, 5, "measured", *[f"{v:.2f} ± {abs(v - 70) / 20:.2f}" for v in rng.normal(76, 4, 8)]]
        for label in LABELS
    ]
    lines.append(["SimCSE-BERT", 1, "published, single seed", *[f"{v:.2f}" for v in rng.normal(76, 4, 7)], None])
    frame = pd.DataFrame(lines, columns=["Method", "Seeds", "origin", *tasks])
    return page.Table(
        suite="STS",
        caption="Spearman × 100, mean ± standard deviation over seeds. Config laptop; encoder MiniLM-L6; seeds 0–4; "
        "selection: checkpoint with the best Spearman on STSB-dev. Runs of 2026-11-23.",
        frame=frame,
        bold=frozenset({(2, "Avg")}),
        group="origin",
        notes=["Bold: best measured mean whose difference to every other row is decided."],
    )


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> page.PageContent:
    """A made-up page with one of everything, and with text that HTML and JSON could trip over."""
    drawn = figures.save(
        figures.alignment_uniformity(histories(LABELS[1:3]), None), tmp_path_factory.mktemp("figures") / "geometry"
    )
    measures = {"alignment": "Alignment", "uniformity": "Uniformity", "dev_spearman": "Dev Spearman"}
    main = page.Study(
        name="main",
        title="SimCSE against ArcCSE",
        tables=[table()],
        comparisons=comparisons(),
        charts=[
            page.scores(points(LABELS, [8], 5), "STS average", "Spearman × 100"),
            *page.forest(comparisons()),
            *page.histories(histories(LABELS[1:3]), measures),
        ],
        figures=[page.Figure("Alignment and uniformity over training", "Both fall, then level off.", drawn[0])],
    )
    circle = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="90"><circle r="40" cx="90" cy="45"/></svg>'
    margin = page.Study(
        name="margin",
        title="Angular margin of ArcCon, in degrees </script><!--",
        charts=[
            page.curves(
                points(["τ = 0.05", "τ = 0.1"], [0, 2.5, 5, 7.5, 10, 12.5, 15, 20], 3),
                "margin",
                "STS average",
                "Margin (degrees)",
                "Spearman × 100",
            )
        ],
        figures=[page.Figure("Score against margin", "A flat curve.", circle)],
    )
    runs = [
        {
            "run": f"{name}-38657fd9/seed{seed}",
            "seed": seed,
            "selected step": 25 * (1 + (7 * seed) % 10),
            "seconds": 212.5 + 17 * seed,
            "commit": "0aa72826c1f0b1ac0f0d1d9a84d6d5b0c1b8e3a1",
            "device": "Intel(R) Xeon(R) Processor @ 2.60GHz, 2 threads",
        }
        for name in ("simcse", "arccon10-triplet20-40")
        for seed in range(5)
    ]
    return page.PageContent(
        title="What is a contrastive objective worth?",
        config="laptop",
        generated="23 November 2026",
        command="arccse report --config config/laptop.yaml",
        caveat="Made-up numbers: these scores are not findings.",
        findings=[
            "On MiniLM-L6, ArcCSE's STS average is 0.24 above SimCSE's (95 % interval −0.31 to 0.79, 5 seeds, "
            "p = 0.31): undecided.",
            "A margin of 10° & λ < 1 change <b>nothing</b> that 5 seeds could show.",
        ],
        studies=[main, margin],
        runs=runs,
    )


# ---------------------------------------------------------------------------------------------- without a browser


class Page(HTMLParser):
    """Collects a page's text, elements and attributes, and fails on tags that don't match."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    def charts(self) -> dict:
        return json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == "charts"))


def shown(html: Page) -> str:
    return " ".join(" ".join(html.text).split())


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
    assert all(attrs["href"].startswith("#") for _, attrs in html.elements if "href" in attrs)
    style = (page.SOURCES / "page.css").read_text() + (page.SOURCES / "uPlot.min.css").read_text()
    assert "url(" not in style
    assert "@import" not in style
    policy = next(attrs["content"] for _, attrs in html.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    ids = [attrs["id"] for _, attrs in html.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    named = {attrs["aria-labelledby"] for _, attrs in html.elements if "aria-labelledby" in attrs}
    assert named
    assert named <= set(ids)


def test_the_page_says_all_that_it_was_given(content: page.PageContent) -> None:
    html = Page(page.render(content))
    text = shown(html)
    for sentence in [*content.findings, content.caveat, content.title, content.command, content.generated]:
        assert sentence in text
    for study in content.studies:
        assert study.title in text
        assert {figure.alt for figure in study.figures} <= {a.get("alt") for t, a in html.elements if t == "img"}
    assert table().caption in text
    assert table().notes[0] in text
    for value in table().frame.drop(columns="origin").stack().dropna().astype(str):
        assert value in text
    for run in content.runs:
        assert run["run"] in text
    assert text.count("0aa72826c1f0b1ac0f0d1d9a84d6d5b0c1b8e3a1") == 1  # common to all runs, said once
    assert "not shown" not in text
    images = [attrs["src"] for tag, attrs in html.elements if tag == "img"]
    assert base64.b64decode(images[0].split(",")[1]) == content.studies[0].figures[0].svg.read_bytes()
    assert base64.b64decode(images[1].split(",")[1]).decode() == content.studies[1].figures[0].svg


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
    assert content.findings[0] in shown(html)
    assert html.charts() == {}


def test_the_vendored_library_is_whole_and_cannot_end_its_script_element() -> None:
    library = (page.SOURCES / "uPlot.iife.min.js").read_text()
    assert "uPlot (v1.6.32)" in library
    assert "uPlot 1.6.32" in (page.SOURCES / "page.html.j2").read_text()
    assert "Permission is hereby granted" in (page.SOURCES / "uPlot.LICENSE").read_text()
    for name in ("uPlot.iife.min.js", "page.js"):
        assert not re.search(r"</script|<!--", (page.SOURCES / name).read_text(), re.IGNORECASE)


def test_an_installed_package_has_the_page_s_sources(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "arccse", source / "arccse", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    packed = zipfile.ZipFile(next(source.glob("*.whl"))).namelist()
    for path in page.SOURCES.iterdir():
        assert f"arccse/report/page/{path.name}" in packed


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


# -------------------------------------------------------------------------------------------------------- tables


def cells(frame: pd.DataFrame, **options) -> dict:
    return page._cells(page.Table("STS", "", frame, **options))


def column(found: dict, index: int, what: str) -> list:
    return [line[index][what] for _, lines in found["groups"] for line in lines]


def test_numbers_are_printed_with_as_many_decimals_as_they_need() -> None:
    found = cells(pd.DataFrame({"a": ["x", "y"], "score": [75.123, -0.5], "p": [0.0625, np.nan], "n": [5, -1]}))
    assert column(found, 1, "text") == ["75.12", "−0.50"]
    assert column(found, 2, "text") == ["0.062", "–"]
    assert column(found, 3, "text") == ["5", "−1"]


def test_columns_are_sorted_by_the_numbers_that_they_begin_with() -> None:
    frame = pd.DataFrame(
        {
            "mean": ["76.25 ± 0.84", "9.1", None],
            "interval": ["[−0.3, 0.8]", "−1.25 to 2", ""],
            "p": ["< 0.001", "0.31", "1"],
            "date": ["2026-11-23", "2026-11-24", "2026-11-25"],
            "hash": ["38657fd9", "4a9c76a6", "12345678"],
            "exact": [0.12345678, 1.2, np.nan],
        }
    )
    found = cells(frame)
    assert [head["numeric"] for head in found["heads"]] == [True, True, True, False, False, True]
    assert column(found, 0, "number") == [76.25, 9.1, None]
    assert column(found, 1, "number") == [-0.3, -1.25, None]
    assert column(found, 2, "number") == [0.001, 0.31, 1]
    assert column(found, 5, "number") == [0.12345678, 1.2, None]  # not the rounded text


def test_a_group_column_becomes_headings_and_bold_stays_with_its_line() -> None:
    frame = pd.DataFrame(
        {"m": ["a", "b", "c"], "origin": ["measured", "published", "measured"], "v": [1.0, 2.0, 3.0]}
    )
    found = cells(frame, group="origin", bold=frozenset({(2, "v")}))
    assert [head["text"] for head in found["heads"]] == ["m", "v"]
    assert [(heading, [line[0]["text"] for line in lines]) for heading, lines in found["groups"]] == [
        ("measured", ["a", "c"]),
        ("published", ["b"]),
    ]
    assert column(found, 1, "bold") == [False, True, False]


def test_a_comparison_shows_its_interval_and_its_verdict() -> None:
    frame = page.comparison_table(comparisons()).frame
    assert list(frame.columns) == [
        *["Variant", "Against", "Suite", "Difference", "95 % interval", "Seeds", "p", "p (Holm)", "P(better)"],
        "Verdict",
    ]
    assert list(frame["95 % interval"]) == ["−0.31 to 0.79", "0.20 to 1.02", "−0.80 to −0.04", "–"]
    assert list(frame["Difference"]) == ["+0.24", "+0.61", "−0.42", "+0.05"]
    small = comparisons().assign(difference=0.0034, low=0.0012, high=0.0056)
    assert set(page.comparison_table(small).frame["Difference"]) == {"+0.0034"}
    more = comparisons().assign(two_level_low=[-0.5, np.nan, -1, 0], two_level_high=1.0, text="undecided: n = 5")
    shown = page.comparison_table(more).frame
    assert list(shown["Two-level interval"]) == ["−0.50 to 1.00", "–", "−1.00 to 1.00", "0.00 to 1.00"]
    assert set(shown["Verdict"]) == {"undecided: n = 5"}
    with pytest.raises(InputError, match="lacks the column 'verdict'"):
        page.comparison_table(comparisons().drop(columns="verdict"))


# -------------------------------------------------------------------------------------------------------- charts


def test_a_curve_has_the_mean_interval_and_seeds_of_every_point() -> None:
    frame = points(["a", "b"], [0, 10], 4)
    frame = frame[(frame["label"] == "a") | (frame["margin"] == 10)]
    chart = page.curves(frame, "margin", "STS average", "Margin", "Spearman")
    assert chart.x == [0, 10]
    assert [series.label for series in chart.series] == ["a", "b"]
    own = frame[(frame["label"] == "a") & (frame["margin"] == 10)]
    expected = summarise(own["value"].to_numpy())
    a, b = chart.series
    assert (a.y[1], a.low[1], a.high[1]) == pytest.approx((expected.mean, expected.low, expected.high), rel=1e-5)
    assert a.seeds[1] == [[s, v] for s, v in zip(own["seed"], own["value"], strict=True)]
    assert a.n == [4, 4]
    assert (b.y[0], b.low[0], b.n[0], b.seeds[0]) == (None, None, 0, [])


def test_one_seed_has_a_value_and_no_interval() -> None:
    chart = page.scores(points(["a", "b"], [8], 1), "STS average", "Spearman")
    assert chart.categories == ["a", "b"]
    (series,) = chart.series
    assert None not in series.y
    assert series.low == series.high == [None, None]


def test_a_history_has_mean_lowest_and_highest_at_steps_that_all_seeds_share() -> None:
    frame = pd.DataFrame(
        {
            "label": ["a"] * 4 + ["b"] * 2,
            "seed": [0, 0, 1, 1, 0, 0],
            "step": [0, 10, 0, 10, 0, 5],
            "alignment": [1.0, 3.0, 2.0, np.nan, 5.0, 6.0],
            "uniformity": np.nan,
        }
    )
    (chart,) = page.histories(frame, {"alignment": "Alignment", "uniformity": "Uniformity"})
    assert (chart.metric, chart.x) == ("Alignment", [0, 5])
    a, b = chart.series
    assert (a.y, a.low, a.high, a.n) == ([1.5, None], [1.0, None], [2.0, None], [2, 2])
    assert (b.y, b.low, b.high, b.n) == ([5.0, 6.0], [5.0, 6.0], [5.0, 6.0], [1, 1])


def test_a_forest_for_each_suite_and_each_of_several_encoders() -> None:
    sts, transfer = page.forest(comparisons())
    assert sts.metric == "Differences, sts"
    assert sts.categories == ["ArcCSE", LABELS[3]]
    assert sts.y_label == "Difference to SimCSE"
    assert sts.zero
    (series,) = sts.series
    assert (series.y, series.low, series.high) == ([0.24, 0.61], [-0.31, 0.2], [0.79, 1.02])
    assert (series.n, series.notes) == ([5, 8], ["undecided", "higher"])
    assert transfer.series[0].low == [-0.8, None]
    encoders = comparisons().assign(encoder=["x", "y", "x", "y"])
    assert [chart.metric for chart in page.forest(encoders)][:2] == ["Differences, sts, x", "Differences, sts, y"]
    tasks = comparisons().assign(task=["Avg", "STSB", "Avg", "MR"], kind="pair")
    assert [chart.metric for chart in page.forest(tasks)] == [
        *["Differences, sts, Avg", "Differences, sts, STSB"],
        *["Differences, transfer, Avg", "Differences, transfer, MR"],
    ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.drop(columns="value"), "lacks the column 'value'"),
        (lambda p: p.iloc[:0], "empty"),
        (lambda p: pd.concat([p, p]), "two lines"),
    ],
)
def test_points_that_cannot_be_drawn(spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        page.curves(spoil(points(["a"], [0, 10], 2)), "margin", "STS average", "Margin", "Spearman")
    with pytest.raises(InputError, match=message):
        page.scores(spoil(points(["a"], [0], 2)), "STS average", "Spearman")


# ------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    # --no-sandbox: Chromium refuses to run as root, as containers do, with its sandbox on
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1200,900",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    session = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield session
    session.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, content: page.PageContent, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A browser with the page open; the page must not have logged anything by the end of the test."""
    page.write(content, tmp_path / "report.html")
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    emulate(chromium, media="", scheme="light")
    chromium.get((tmp_path / "report.html").as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def emulate(browser: webdriver.Chrome, media: str, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def phone(browser: webdriver.Chrome) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.refresh()


def find(browser: webdriver.Chrome | WebElement, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def visible(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return [element for element in find(browser, selector) if element.is_displayed()]


def choose(browser: webdriver.Chrome, label: str, value: str) -> None:
    """Choose from the list that stands under this label."""
    (element,) = [e for e in find(browser, ".controls label") if e.text.startswith(label)]
    Select(element.find_element(By.TAG_NAME, "select")).select_by_value(value)


def names(browser: webdriver.Chrome, body: int = 0) -> list[str]:
    """The first column of the study's first table."""
    lines = find(find(browser, ".study.chosen table.sortable")[0], "tbody")[body]
    return [cell.text for cell in find(lines, "tr:not(.group) th")]


def ink(browser: webdriver.Chrome) -> list[int]:
    """How many pixels of the chart are drawn in each of the first three series' colours."""
    return browser.execute_script(
        """
        const canvas = document.querySelector(".chart canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return [0, 1, 2].map((i) => {
          const hex = colour(i);
          const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
          let count = 0;
          for (let p = 0; p < pixels.length; p += 4)
            count += Math.abs(pixels[p] - r) + Math.abs(pixels[p + 1] - g) + Math.abs(pixels[p + 2] - b) < 12
              && pixels[p + 3] > 200;
          return count;
        });
        """
    )


def legend(browser: webdriver.Chrome) -> str:
    return find(browser, ".u-legend")[0].text.replace("\n", " ")


def test_the_page_opens_without_a_message_and_asks_the_network_for_nothing(browser: webdriver.Chrome) -> None:
    assert browser.title == "What is a contrastive objective worth? · laptop"
    asked = "return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith('data:'))"
    assert browser.execute_script(asked) == []
    assert visible(browser, "#findings li")[0].text.startswith("On MiniLM-L6")
    assert len(visible(browser, ".uplot canvas")) == 1


def test_a_table_is_sorted_by_click(browser: webdriver.Chrome) -> None:
    average = table().frame.iloc[:4].set_index("Method")["Avg"].str.split().str[0].astype(float)
    head = find(find(browser, ".study.chosen table.sortable")[0], "thead th")[-1]
    button = head.find_element(By.TAG_NAME, "button")
    assert head.get_attribute("aria-sort") == "none"
    button.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(browser) == list(average.sort_values(ascending=False).index)
    button.click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(browser) == list(average.sort_values().index)
    assert names(browser, body=1) == ["SimCSE-BERT"]  # published rows stay apart


def test_a_table_is_sorted_by_keyboard(browser: webdriver.Chrome) -> None:
    first, *others = find(find(browser, ".study.chosen table.sortable")[0], "thead th")
    browser.execute_script("arguments[0].closest('.scroll').focus()", first)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    active = browser.switch_to.active_element
    assert active.text.startswith("Method")
    assert active.value_of_css_property("outline-style") == "solid"
    active.send_keys(Keys.ENTER)
    assert names(browser) == sorted(LABELS, key=str.lower)
    active.send_keys(Keys.SPACE)
    assert names(browser) == sorted(LABELS, key=str.lower, reverse=True)
    assert first.get_attribute("aria-sort") == "descending"
    assert {head.get_attribute("aria-sort") for head in others} == {"none"}


def test_empty_cells_stay_last(browser: webdriver.Chrome) -> None:
    comparison = find(browser, ".study.chosen table.sortable")[1]
    button = next(b for b in find(comparison, "thead button") if b.text.startswith("95 %"))
    for _ in range(2):
        button.click()
        assert find(comparison, "tbody tr:last-child td:nth-of-type(4)")[0].text == "–"


def test_study_and_metric_are_chosen(browser: webdriver.Chrome, content: page.PageContent) -> None:
    assert [e.get_attribute("data-study") for e in visible(browser, ".study")] == ["main"]
    for study in content.studies:
        choose(browser, "Study", study.name)
        assert [e.get_attribute("data-study") for e in visible(browser, ".study")] == [study.name]
        for chart in study.charts:
            choose(browser, "Metric", chart.metric)
            assert chart.metric in visible(browser, ".chart")[0].get_attribute("aria-label")
            drawn = ink(browser)
            assert all(count > 50 for count in drawn[: len(chart.series)]), chart.metric
            assert not any(drawn[len(chart.series) :]), chart.metric
    choose(browser, "Study", "main")  # which has the metric that was last chosen, and keeps it
    assert "STS average" in visible(browser, ".chart")[0].get_attribute("aria-label")


def test_an_address_leads_to_a_study(browser: webdriver.Chrome) -> None:
    browser.execute_script("location.hash = '#study-margin'")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert [e.get_attribute("data-study") for e in visible(browser, ".study")] == ["margin"]


def test_every_figure_is_shown(browser: webdriver.Chrome, content: page.PageContent) -> None:
    for study in content.studies:
        choose(browser, "Study", study.name)
        images = visible(browser, "figure img")
        assert [image.get_attribute("alt") for image in images] == [figure.alt for figure in study.figures]
        for image in images:
            assert browser.execute_script("return arguments[0].complete && arguments[0].naturalWidth", image) > 100


@pytest.mark.parametrize(("study", "at"), [("main", 2), ("margin", 4)])
def test_values_are_read_by_mouse_and_by_arrow_keys(
    browser: webdriver.Chrome, content: page.PageContent, study: str, at: int
) -> None:
    choose(browser, "Study", study)
    chart = next(s for s in content.studies if s.name == study).charts[0]
    series = chart.series[0]
    value, low = (f"{number:.2f}" for number in (series.y[at], series.low[at]))
    expected = f"{value} ({low} to "
    box = visible(browser, ".chart")[0]
    assert expected not in legend(browser)
    box.send_keys(*[Keys.ARROW_DOWN] * (at + 1))
    assert expected in legend(browser)
    assert f"n = {series.n[at]}" in legend(browser)
    browser.refresh()
    choose(browser, "Study", study)
    assert expected not in legend(browser)
    over = visible(browser, ".u-over")[0]
    share = (at + 0.6) / 4 if chart.kind == "points" else (chart.x[at] + 0.8) / (20 + 2 * 0.8)
    aside = {"points": (0, round((share - 0.5) * over.size["height"]))}
    x, y = aside.get(chart.kind, (round((share - 0.5) * over.size["width"]), 0))
    webdriver.ActionChains(browser).move_to_element_with_offset(over, x, y).perform()
    assert expected in legend(browser)


def test_a_chart_s_values_stand_in_a_table_below_it(browser: webdriver.Chrome, content: page.PageContent) -> None:
    find(browser, ".study.chosen details summary")[0].click()
    lines = [[cell.text for cell in find(line, "td")] for line in visible(browser, "details tbody tr")]
    series = content.studies[0].charts[0].series[0]
    assert [line[0] for line in lines] == LABELS
    assert [float(line[2]) for line in lines] == pytest.approx(series.y, rel=1e-3)
    assert [line[-1].count(":") for line in lines] == [5] * 4


@pytest.mark.parametrize("metric", ["STS average", "Differences, transfer", "Alignment"])
def test_a_phone_never_scrolls_the_page_sideways(browser: webdriver.Chrome, metric: str) -> None:
    phone(browser)
    choose(browser, "Metric", metric)
    find(browser, ".study.chosen details summary")[0].click()
    wide = "return [document.documentElement.scrollWidth, innerWidth, document.querySelector('.chart').scrollWidth]"
    page_width, screen, chart = browser.execute_script(wide)
    assert page_width == screen == 360
    assert 250 < chart <= 360
    box = find(browser, ".study.chosen .scroll:has(table.sortable)")[0]
    assert browser.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", box)


def contrast(one: str, two: str) -> float:
    """WCAG 2.2's contrast ratio of two colours as the browser computes them, "rgb(…)"."""

    def luminance(colour: str) -> float:
        channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(one), luminance(two)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_have_enough_contrast_in_light_and_dark(browser: webdriver.Chrome, scheme: str) -> None:
    emulate(browser, media="", scheme=scheme)

    def computed(value: str, on: str = "body", what: str = "color") -> str:
        script = (
            "const e = document.querySelector(arguments[1]); const probe = document.createElement('i');"
            "e.append(probe); probe.style.color = arguments[0];"
            "const found = getComputedStyle(arguments[0] ? probe : e)[arguments[2]]; probe.remove(); return found"
        )
        return browser.execute_script(script, value, on, what)

    paper = computed("", what="backgroundColor")
    assert contrast(paper, "rgb(255, 255, 255)") > 10 if scheme == "dark" else contrast(paper, "rgb(0, 0, 0)") > 10
    for name in ("--text", "--soft", "--link"):
        assert contrast(computed(f"var({name})"), paper) >= 4.5, name
        assert contrast(computed(f"var({name})"), computed("var(--raised)")) >= 4.5, name
    for index in range(1, 7):
        assert contrast(computed(f"var(--s{index})"), paper) >= 3, index
    assert contrast(computed("", ".caveat"), computed("", ".caveat", "backgroundColor")) >= 4.5
    assert computed("", "figure .scroll", "backgroundColor") == "rgb(255, 255, 255)"
    assert ink(browser)[0] > 50  # the chart has followed the scheme


def test_print_shows_every_study_and_no_controls(browser: webdriver.Chrome, content: page.PageContent) -> None:
    emulate(browser, media="print", scheme="dark")
    assert [e.get_attribute("data-study") for e in visible(browser, ".study")] == ["main", "margin"]
    assert len(visible(browser, "figure img")) == sum(len(study.figures) for study in content.studies)
    assert visible(browser, ".controls, nav, .chart, .hint, summary") == []
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(29, 33, 38)"
