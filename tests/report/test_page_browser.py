"""What the page does in headless Chromium, where it is installed."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import pandas as pd
import pytest
from made_page import LABELS, comparisons, scores
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from arccse.report import charts, glossary, page


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


def phone(browser: webdriver.Chrome, width: int = 360) -> None:
    size = {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.refresh()


def screen(browser: webdriver.Chrome, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.refresh()


def find(browser: webdriver.Chrome | WebElement, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def address_of(browser: webdriver.Chrome) -> str:
    """The page's own, without a fragment."""
    return browser.current_url.partition("#")[0]


def visible(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return [element for element in find(browser, selector) if element.is_displayed()]


def choose(browser: webdriver.Chrome, metric: str, study: str = "main") -> None:
    """Choose what a study's chart shows."""
    Select(find(browser, f"#study-{study} .choice select")[0]).select_by_value(metric)


def names(browser: webdriver.Chrome, body: int = 0) -> list[str]:
    """The first column of the study's first table."""
    lines = find(find(browser, "#study-main table.sortable")[0], "tbody")[body]
    return [cell.text.rstrip(" ?") for cell in find(lines, "tr:not(.group) th")]


def ink(browser: webdriver.Chrome, study: str = "main") -> list[int]:
    """How many pixels of a study's chart are drawn in each of the first three series' colours."""
    return browser.execute_script(
        """
        const canvas = document.querySelector(`#study-${arguments[0]} .chart canvas`);
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
        """,
        study,
    )


def legend(browser: webdriver.Chrome, study: str) -> str:
    return find(browser, f"#study-{study} .u-legend")[0].text.replace("\n", " ")


def test_the_page_opens_without_a_message_and_asks_the_network_for_nothing(browser: webdriver.Chrome) -> None:
    assert browser.title == "What is a contrastive objective worth? · laptop"
    asked = "return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith('data:'))"
    assert browser.execute_script(asked) == []
    assert len(visible(browser, ".uplot canvas")) == 2


def test_a_table_is_sorted_by_click(browser: webdriver.Chrome) -> None:
    average = pd.Series({line[0].text: line[-1].number for line in scores().groups[0][1]})
    head = find(find(browser, "#study-main table.sortable")[0], "thead th")[1]
    button = head.find_element(By.TAG_NAME, "button")
    assert head.get_attribute("aria-sort") == "none"
    button.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(browser) == list(average.sort_values(ascending=False).index)
    button.click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(browser) == list(average.sort_values().index)
    assert names(browser, body=1) == ["SimCSE-BERTa"]  # published rows stay apart; a is the mark of its source


def test_a_table_is_sorted_by_keyboard(browser: webdriver.Chrome) -> None:
    first, *others = find(find(browser, "#study-main table.sortable")[0], "thead th")
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
    comparison = find(browser, "#study-main table.sortable")[1]
    button = next(b for b in find(comparison, "thead button") if b.text.startswith("95 %"))
    for _ in range(2):
        button.click()
        assert find(comparison, "tbody tr:last-child td:nth-of-type(3)")[0].text == "–"


def test_a_term_s_meaning_is_one_key_away(browser: webdriver.Chrome) -> None:
    link = find(browser, "#study-main .what[aria-label='What is Avg?']")[0]
    browser.execute_script("arguments[0].focus()", link)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.execute_script("return document.querySelector(':target').innerText").startswith("Average")


def test_metrics_are_chosen_and_stand_in_the_address(browser: webdriver.Chrome, content: page.PageContent) -> None:
    assert [e.get_attribute("data-study") for e in visible(browser, ".study")] == ["main", "margin"]
    for study in content.studies:
        for chart in study.charts[::-1]:
            choose(browser, chart.metric, study.name)
            assert chart.metric in visible(browser, f"#study-{study.name} .chart")[0].get_attribute("aria-label")
            drawn = ink(browser, study.name)
            assert all(count > 50 for count in drawn[: len(chart.series)]), chart.metric
            assert not any(drawn[len(chart.series) :]), chart.metric
            address = unquote(browser.execute_script("return location.hash"))
            assert address == f"#study-{study.name}/{chart.metric}"


def test_where_there_is_one_chart_or_none_nothing_is_to_be_chosen(
    browser: webdriver.Chrome, content: page.PageContent, tmp_path: Path
) -> None:
    one, none = (
        replace(study, charts=study.charts[:count]) for study, count in zip(content.studies, (1, 0), strict=True)
    )
    page.write(replace(content, studies=[one, none]), tmp_path / "few.html")
    browser.get((tmp_path / "few.html").as_uri())
    assert find(browser, ".choice") == []
    assert [len(find(browser, f"#study-{study.name} .chart")) for study in (one, none)] == [1, 0]


def test_what_lies_beyond_the_axis_has_an_arrow_at_its_edge(
    browser: webdriver.Chrome, content: page.PageContent, tmp_path: Path
) -> None:
    far = comparisons().iloc[:2].assign(difference=[-9.0, 0.5], low=[-9.5, 0.25], high=[-8.5, 1.0])
    (clipped,), (whole,) = charts.forest(far, {"ArcCSE"}), charts.forest(far)
    drawn = []
    for chart in (clipped, whole):
        page.write(replace(content, studies=[replace(content.studies[0], charts=[chart])]), tmp_path / "far.html")
        browser.get((tmp_path / "far.html").as_uri())
        drawn.append(ink(browser)[0])
    assert drawn[0] > 1.3 * drawn[1]  # the other interval is several times as long


def test_an_address_leads_to_a_study_and_a_chart(browser: webdriver.Chrome, content: page.PageContent) -> None:
    own = address_of(browser)
    for address in ("#study-margin", "#study-margin/STS by pooling", "#study-margin/no such chart"):
        browser.get("about:blank")
        browser.get(own + quote(address, safe="#/"))
        top = browser.execute_script("return document.getElementById('study-margin').getBoundingClientRect().top")
        assert 0 <= top < 100
    browser.execute_script("location.hash = '#study-main/Alignment'")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert "Chart: Alignment" in find(browser, "#study-main .chart")[0].get_attribute("aria-label")
    assert find(browser, "#study-main .choice select")[0].get_attribute("value") == "Alignment"


def test_every_figure_is_shown(browser: webdriver.Chrome, content: page.PageContent) -> None:
    images = visible(browser, "figure img")
    assert len(images) == 1 + sum(len(study.figures) for study in content.studies)
    for image in images:
        assert browser.execute_script("return arguments[0].complete && arguments[0].naturalWidth", image) > 100


@pytest.mark.parametrize(("study", "at"), [("main", 2), ("margin", 4)])
def test_values_are_read_by_mouse_and_by_arrow_keys(
    browser: webdriver.Chrome, content: page.PageContent, study: str, at: int
) -> None:
    chart = next(s for s in content.studies if s.name == study).charts[0]
    series = chart.series[0]
    value, low = (f"{number:.2f}" for number in (series.y[at], series.low[at]))
    expected = f"{value} ({low} to "
    box = visible(browser, f"#study-{study} .chart")[0]
    assert expected not in legend(browser, study)
    box.send_keys(*[Keys.ARROW_DOWN] * (at + 1))
    assert expected in legend(browser, study)
    assert f"n = {series.n[at]}" in legend(browser, study)
    browser.refresh()
    assert expected not in legend(browser, study)
    over = visible(browser, f"#study-{study} .u-over")[0]
    share = (at + 0.6) / 4 if chart.kind == "points" else (chart.x[at] + 0.8) / (20 + 2 * 0.8)
    aside = {"points": (0, round((share - 0.5) * over.size["height"]))}
    x, y = aside.get(chart.kind, (round((share - 0.5) * over.size["width"]), 0))
    webdriver.ActionChains(browser).move_to_element_with_offset(over, x, y).perform()
    assert expected in legend(browser, study)


def test_a_chart_s_values_stand_in_a_table_below_it(browser: webdriver.Chrome, content: page.PageContent) -> None:
    find(browser, "#study-main .chart-place summary")[0].click()
    lines = [
        [cell.text for cell in find(line, "td")]
        for line in visible(browser, "#study-main .chart-place details tbody tr")
    ]
    series = content.studies[0].charts[0].series[0]
    assert [line[0] for line in lines] == LABELS
    assert [float(line[2]) for line in lines] == pytest.approx(series.y, rel=1e-3)
    assert [line[-1].count(":") for line in lines] == [5] * 4


def test_the_first_screen_has_question_answer_and_claims(browser: webdriver.Chrome) -> None:
    screen(browser, 1300, 900)
    for selector in ("h1", ".caveat", ".answer", ".overview", ".bounds", ".claims"):
        (found,) = visible(browser, selector)
        assert found.rect["y"] + found.rect["height"] < 900, selector
        assert found.rect["x"] + found.rect["width"] <= 1300, selector
    tops = [
        visible(browser, selector)[0].rect["y"] for selector in ("h1", ".answer", ".overview", ".claims", ".contents")
    ]
    assert tops == sorted(tops)


@pytest.mark.parametrize(("width", "height"), [(1300, 900), (390, 844)])
def test_as_many_claims_as_a_paper_makes_fit_on_the_first_screen(
    browser: webdriver.Chrome, content: page.PageContent, tmp_path: Path, width: int, height: int
) -> None:
    page.write(
        replace(content, claims=(content.claims * 4)[:11], overviews=[], caveat=None), tmp_path / "claims.html"
    )
    browser.get((tmp_path / "claims.html").as_uri())
    screen(browser, width, height)
    shown = [*visible(browser, "h1, .answer, .bounds li"), *visible(browser, ".claims tbody tr")]
    shown += visible(browser, "#claims figure img") if width > 500 else []
    assert len(visible(browser, ".claims tbody tr:not(.group)")) == 11
    for element in shown:
        box = element.rect
        assert box["y"] + box["height"] <= height, element.text
        assert box["x"] + box["width"] <= width, element.text


def test_an_interval_is_drawn_where_it_lies(browser: webdriver.Chrome, content: page.PageContent) -> None:
    plots = [find(row, "svg") for row in find(browser, ".claims tbody tr")]
    assert [len(found) for found in plots] == [1, 1, 1, 0]
    zero, middle = (find(plots[0][0], mark)[0].rect for mark in (".zero", "circle"))
    width = plots[0][0].rect["width"]
    moved = middle["x"] + middle["width"] / 2 - zero["x"] - zero["width"] / 2
    assert moved == pytest.approx(content.claims[0].middle * 100 / 208 * width, abs=1)
    ends = find(plots[0][0], ".ends")[0].rect["width"]
    share = content.claims[0].high - content.claims[0].low
    assert ends == pytest.approx(share * 100 / 208 * width, abs=3)
    assert find(plots[2][0], ".ends") == []


def test_a_claim_opens_and_leads_to_its_study(browser: webdriver.Chrome, content: page.PageContent) -> None:
    assert visible(browser, ".claims dd") == []
    find(browser, ".claims summary")[0].send_keys(Keys.ENTER)
    assert [e.text for e in visible(browser, ".claims dd")] == list(content.claims[0].details.values())
    find(browser, ".claims a[href='#study-margin']")[0].click()
    assert browser.execute_script("return document.querySelector(':target').id") == "study-margin"


def test_on_a_phone_names_averages_and_verdicts_are_in_sight(browser: webdriver.Chrome) -> None:
    phone(browser, 390)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    scores_table, comparison = find(browser, "#study-main .scroll > table.sortable")[:2]
    for table, head in ((scores_table, "Avg"), (comparison, "Verdict")):
        second = find(table, "thead th")[1]
        assert second.text.replace("↕", "").strip().startswith(head)
        for cell in find(table, "tbody tr:not(.group) > :nth-child(2)"):
            assert cell.rect["x"] + cell.rect["width"] <= 390
    for cell in find(browser, ".claims td, .claims tbody th"):
        assert cell.rect["x"] + cell.rect["width"] <= 390


def test_without_scripts_everything_is_there(browser: webdriver.Chrome, content: page.PageContent) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    try:
        assert len(visible(browser, ".study")) == len(content.studies)
        assert len(visible(browser, "figure img")) == 1 + sum(len(study.figures) for study in content.studies)
        assert len(visible(browser, ".claims svg")) == 3
        assert len(visible(browser, ".terms dd")) == len(glossary.TERMS)
        assert visible(browser, "select, button, .chart") == []
        folded = find(browser, "details > :not(summary), details > :not(summary) *")
        hidden = [e for e in find(browser, "main *") if not e.is_displayed() and e not in folded]
        said = {e.get_attribute("textContent").strip() for e in hidden}
        assert said <= {"", "seeds"}  # which the head says where it is in sight
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("metric", ["STS average", "Differences: transfer average, less SimCSE", "Alignment"])
def test_a_phone_never_scrolls_the_page_sideways(browser: webdriver.Chrome, metric: str) -> None:
    phone(browser)
    choose(browser, metric)
    find(browser, "#study-main .chart-place summary")[0].click()
    wide = "return [document.documentElement.scrollWidth, innerWidth, document.querySelector('.chart').scrollWidth]"
    page_width, screen, chart = browser.execute_script(wide)
    assert page_width == screen == 360
    assert 250 < chart <= 360
    box = find(browser, "#study-main .scroll:has(table.sortable)")[0]
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
    for verdict in (".supported", ".contradicted"):
        assert contrast(computed("", verdict), paper) >= 4.5, verdict
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
    assert len(visible(browser, "figure img")) == 1 + sum(len(study.figures) for study in content.studies)
    assert visible(browser, ".choice, nav, .chart, .hint") == []
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(29, 33, 38)"


def test_print_opens_what_is_folded_and_clips_nothing(browser: webdriver.Chrome, content: page.PageContent) -> None:
    shown = "return [...document.querySelectorAll('.findings li')].filter((e) => e.checkVisibility()).length"
    assert browser.execute_script(shown) == 0
    emulate(browser, media="print", scheme="light")
    screen(browser, 718, 1000)  # A4 within its margins
    assert browser.execute_script(shown) == len(content.studies[0].findings)  # Selenium calls them hidden
    assert browser.execute_script("return document.documentElement.scrollWidth") == 718
    beyond = (
        "return [...document.querySelectorAll('td, th')].filter((e) => e.getBoundingClientRect().right > 719).length"
    )
    assert browser.execute_script(beyond) == 0
