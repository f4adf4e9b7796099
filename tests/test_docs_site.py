"""The site: built strictly, without anything of elsewhere; its pictures and pages follow from code and results."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from arccse.config import Config
from arccse.hyperparameters import Hyperparameters
from arccse.report.glossary import TERMS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
GALLERY = (DOCS / "gallery.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` builds: no warning, no page that is left out, no dead link or anchor."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Loaded(HTMLParser):
    """The addresses that a browser loads with a page."""

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        assert "mermaid" not in (said.get("class") or "")  # which the theme would draw by a script of elsewhere
        if tag in ("script", "img", "iframe", "source"):
            self.addresses += [said["src"] or ""] if "src" in said else []
        if tag == "link" and said.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(said["href"] or "")


def test_pages_load_nothing_from_elsewhere(site):
    pages = [page for page in site.rglob("*.html") if "results" not in page.parts]
    assert len(pages) > 20
    for page in pages:
        for address in Loaded(page.read_text(encoding="utf-8")).addresses:
            assert not re.match(r"\w+:|//", address), f"{page.name}: {address}"
            assert page.name == "404.html" or (page.parent / address.partition("?")[0]).exists(), address
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


def test_every_key_and_term_has_its_line(site):
    keys = (site / "config-keys.html").read_text(encoding="utf-8")
    for key in [*Config.model_fields, *Hyperparameters.model_fields]:
        assert f"<code>{key}</code>" in keys, key
    glossary = (site / "glossary.html").read_text(encoding="utf-8")
    assert glossary.count('<h2 id="term-') == len(TERMS)


def test_what_is_public_is_documented(site):
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text(), re.MULTILINE):
        assert f'id="{name}"' in page
    assert page.count("Parameters:") >= 7


def test_pictures_are_those_that_the_script_draws(tmp_path):
    subprocess.run([sys.executable, DOCS / "images" / "draw.py", tmp_path], cwd=ROOT, check=True)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(re.findall(r"\(images/(\w+\.svg)\)", (DOCS / "statistics.md").read_text(encoding="utf-8")))
    for name in drawn:
        new, committed = ((folder / name).read_text(encoding="utf-8") for folder in (tmp_path, DOCS / "images"))
        assert NUMBER.sub("", new) == NUMBER.sub("", committed), f"{name}: run docs/images/draw.py"
        places = (np.array([float(n) for n in NUMBER.findall(text)]) for text in (new, committed))
        np.testing.assert_allclose(*places, atol=0.02, err_msg=name)  # another CPU may round otherwise


def test_the_gallery_shows_each_kind_of_committed_figure_with_its_study():
    kinds = {
        path.name.partition("-")[0].partition(".")[0] for path in (ROOT / "results/laptop/figures").glob("*.svg")
    }
    shown = re.findall(r"figures/(\w+)[\w.-]*\.svg\)\n\n`(\w+)`:", GALLERY)
    assert [kind for kind, named in shown if kind != named] == []
    assert {kind for kind, _ in shown} == kinds
    laptop = (ROOT / "config" / "laptop.yaml").read_text(encoding="utf-8")
    snippets = re.findall(r"```yaml\n(.*?)```", GALLERY, re.DOTALL)
    studies = [name for snippet in snippets for name in yaml.safe_load(snippet)]
    assert len(studies) == len(set(studies)) == len(snippets)
    for snippet in snippets:
        assert snippet in laptop


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_pages_beside_the_site_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)(?:#[^)]*)?\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
