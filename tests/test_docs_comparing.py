"""docs/comparing.md by its own words: its commands and its Python, in their order, in one folder."""

from pathlib import Path

import pages
import pandas as pd
import tiny

PAGE = Path(__file__).parents[1] / "docs" / "comparing.md"


def test_the_tutorial_runs(tmp_path: Path) -> None:
    texts = tiny.sentences(60)
    rows = pd.DataFrame({"sentence1": texts[:30], "sentence2": texts[30:], "score": [i % 6 for i in range(30)]})
    rows.to_csv(tmp_path / "questions.csv", index=False)
    clicks = rows.rename(columns={"sentence1": "query", "sentence2": "title", "score": "rating"})
    clicks.to_csv(tmp_path / "clicks.tsv", index=False, sep="\t")
    blocks = pages.blocks(PAGE)
    assert [language for language, _ in blocks] == ["sh", "sh", "sh", "python"]
    *_, said = (pages.run(block, tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "cache")}) for block in blocks)
    assert "equivalent" in said  # a model and itself
    assert (tmp_path / "choice" / "index.html").is_file()
