"""docs/comparing.md by its own words: its commands and its Python, in their order, in one folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import tiny

PAGE = (Path(__file__).parents[1] / "docs" / "comparing.md").read_text(encoding="utf-8")


def test_the_tutorial_runs(tmp_path: Path) -> None:
    texts = tiny.sentences(60)
    rows = pd.DataFrame({"sentence1": texts[:30], "sentence2": texts[30:], "score": [i % 6 for i in range(30)]})
    rows.to_csv(tmp_path / "questions.csv", index=False)
    clicks = rows.rename(columns={"sentence1": "query", "sentence2": "title", "score": "rating"})
    clicks.to_csv(tmp_path / "clicks.tsv", index=False, sep="\t")
    bin_folder = str(Path(sys.executable).parent)
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert [language for language, _ in blocks] == ["sh", "sh", "sh", "python"]
    for language, code in blocks:
        command = ["sh", "-e", "-c", code] if language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stderr}"
    assert "equivalent" in done.stdout  # a model and itself
    assert (tmp_path / "choice" / "index.html").is_file()
