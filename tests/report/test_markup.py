"""Tables as Markdown, LaTeX and CSV."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import BERT, CAVEAT, full, grid_lines, lee, line, seeded, to_latex, to_markdown

from arccse.evaluation.suites import STS_TASKS, SUITES
from arccse.report import markup, tables
from arccse.report.comparisons import compare_study
from arccse.report.markup import to_csv
from arccse.report.tables import StudyView, study_table, study_tables
from arccse.statistics import seeds_needed

# --- comparisons below the tables


@pytest.fixture
def compared(bert_view: StudyView) -> tuple[StudyView, pd.DataFrame, pd.DataFrame]:
    """SimCSE with seeds 1 to 7 and ArcCSE with 1 to 6, above by 1 and a little that differs from seed to seed."""
    view = seeded(bert_view, 7)
    view = replace(view, rows=[view.rows[0], replace(view.rows[1], seeds=[1, 2, 3, 4, 5, 6])])
    scores = full("sts", "spearman_all", STS_TASKS, seeds=7)
    scores.loc[scores["hash"] == "bbbbbbbb", "value"] += 0.02 * scores["seed"]
    return view, study_table(scores, view, "sts"), compare_study(scores, view, ["sts"])


def test_markdown_has_the_comparisons_below_the_table(compared: tuple) -> None:
    view, table, comparisons = compared
    text = to_markdown(view, table, comparisons)
    below = text[text.index("### STS: differences") :]
    head, _, heading, arccse = grid_lines(below)
    assert head[1:] == ["Difference", "Interval", "n", "p", "Sign-flip p", "P(impr.)", "Detectable", "Verdict"]
    assert heading[0] == f"*{BERT}, less SimCSE*"
    # The mean of 1.02 … 1.12 ± 2.5706 × 0.037417 / √6. ArcCSE's seed b, at 1.02 b + 1 above SimCSE's seed 0, beats
    # SimCSE's seeds up to b + 1, of which there are 2 + 3 + 4 + 5 + 6 + 6.
    assert arccse[:4] == ["ArcCSE", "+1.07", "1.03 to 1.11", "6"]
    assert arccse[4:] == [r"\< 0.001", "0.031", f"{26 / 36:.2f}", "0.05", "higher"]
    assert "ArcCSE and SimCSE are compared without seed 7: not in common." in below


def test_the_published_gain_needs_five_seeds(compared: tuple) -> None:
    view, table, comparisons = compared
    text = to_markdown(view, table, comparisons)
    assert "78.11 − SimCSE's 76.25 = +1.86" in text
    assert "(sd 0.84 around 75.11 over 50 seeds)" in text
    assert f"from {seeds_needed(78.11 - 76.25, 0.84)} seeds of each on" in text
    elsewhere = replace(view, published=["roberta-base"])  # nothing of ArcCSE is published for it
    assert "Published: " not in to_markdown(elsewhere, table, comparisons)


def test_columns_without_content_are_left_out_and_reasons_are_said(view: StudyView) -> None:
    view = seeded(view, 1)
    scores = lee(50.0, [70.0], [71.0])
    text = to_markdown(view, study_table(scores, view, "sts"), compare_study(scores, view, ["sts"]))
    head, _, _, untrained, arccse = grid_lines(text[text.index("### ") :])
    assert head == ["", "Difference", "n", "P(impr.)", "Verdict"]
    assert untrained == ["untrained", "−20.00", "1", "–", "undecided"]
    assert arccse == ["ArcCSE", "+1.00", "1", "1.00", "undecided"]
    assert "- “untrained”, “ArcCSE”: undecided: 1 seed, and an interval takes 3." in text


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("sts", "over seeds and sentence pairs, if other pairs could have been drawn too."),
        ("transfer", "over seeds and test examples, if other examples could have been drawn too."),
    ],
)
def test_what_else_could_have_been_drawn_is_said(bert_view: StudyView, suite: str, said: str) -> None:
    view, spec = seeded(bert_view, 3), SUITES[suite]
    scores = full(suite, str(spec.metric), spec.columns, seeds=3)
    table, comparisons = study_table(scores, view, suite), compare_study(scores, view, [suite])
    assert "Two-level" not in to_markdown(view, table, comparisons)
    wider = comparisons.assign(two_level_low=0.0, two_level_high=2.0)
    assert f"Two-level: the interval {said}" in to_markdown(view, table, wider)


# --- renderings


def test_markdown_says_what_it_shows(scores: pd.DataFrame, view: StudyView) -> None:
    text = to_markdown(view, study_table(scores, view, "sts"))
    grid = grid_lines(text)
    assert grid[0] == ["Method", "Seeds", "STS12", "LEE", "Avg"]
    assert grid[2] == ["*pairs*", "", "100", "100", ""]
    assert ["SimCSE", "2", "60.25†", "72.00†", "66.12†"] in grid
    assert ["ArcCSE", "2", "64.50†", "73.00†", "68.75†"] in grid
    caption = text.split("\n\n")[2]
    assert caption.startswith(f"**{CAVEAT}**")
    for said in ("Config smoke", "MiniLM", "seeds 1, 2 (n = 2)", "seed 0 (n = 1)", "best dev", "2026-01-02"):
        assert said in caption
    assert "- †: One seed" in text
    assert "Smoke" not in to_markdown(replace(view, caveat=None), study_table(scores, view, "sts"))


def test_a_single_task_needs_no_average(scores: pd.DataFrame, view: StudyView) -> None:
    table = study_table(scores[scores["task"] == "LEE"], view, "sts")
    assert grid_lines(to_markdown(view, table))[0] == ["Method", "Seeds", "LEE"]
    assert line(table, "SimCSE", "Avg")["mean"] == 72.0


def test_markdown_escapes_labels(scores: pd.DataFrame, view: StudyView) -> None:
    view = replace(view, rows=[replace(view.rows[1], label="a|b *c* _d_ <e> `f`")])
    rows = grid_lines(to_markdown(view, study_table(scores, view, "sts")))
    assert {len(row) for row in rows} == {5}
    assert rows[-1][0] == r"a\|b \*c\* \_d\_ \<e\> \`f\`"


def test_csv_is_tidy_and_carries_the_caveat(scores: pd.DataFrame, view: StudyView) -> None:
    table = study_table(scores, view, "sts")
    read = pd.read_csv(io.StringIO(to_csv(view, table)), dtype={"hash": str})
    assert list(read.columns) == ["study", *tables.COLUMNS]
    np.testing.assert_allclose(read["mean"], table["mean"], atol=1e-6)
    assert list(read["hash"]) == list(table["hash"])
    assert read.loc[read["method"] == "untrained", "sd"].isna().all()
    assert read["source"].str.contains(CAVEAT, regex=False).all()


AWKWARD = r"10° θ=τ·λ 20/40 % a_b #1 $x$ {y} \z ~ ^ & [p] <q> | “r” ″ × ± – é"


@pytest.fixture
def awkward(bert_view: StudyView) -> tuple[StudyView, pd.DataFrame, pd.DataFrame]:
    """A view of two suites with published rows, whose texts hold every character special to LaTeX."""
    rows = [replace(row, label=f"{label}{AWKWARD}") for row, label in zip(bert_view.rows, "[*", strict=True)]
    view = replace(bert_view, rows=rows, title=AWKWARD, caveat=AWKWARD, selection=AWKWARD, config="a_b")
    sts = full("sts", "spearman_all", STS_TASKS)
    lee = full("mteb", "cosine_spearman", ("LEE_50",), seeds=2)
    scores = pd.concat([sts, lee])
    return view, study_tables(scores, view), compare_study(scores, view, ["sts", "mteb"])


def test_latex_escapes_everything(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame]) -> None:
    text = to_latex(*awkward)
    escaped = (
        r"10$^{\circ}$ $\theta$=$\tau$$\cdot$$\lambda$ 20/40 \% a\_b \#1 \$x\$ \{y\} \textbackslash{}z "
        r"\textasciitilde{} \textasciicircum{} \& [p] \textless{}q\textgreater{} \textbar{} ``r'' $''$ "
        r"$\times$ $\pm$ -- é"
    )
    # A suite: its title, caveat and selection, and two labels; the same for its differences, and one in a note.
    assert text.count(escaped) == 2 * (2 * 3 + 2 * 2 + 1)
    bare = re.sub(r"\\[\\{}$&%#_]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert all(c.isascii() or c == "é" for c in text)


def test_latex_rows_have_one_cell_a_column(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame]) -> None:
    for tabular in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", to_latex(*awkward), flags=re.DOTALL):
        columns = re.match(r"\{(lr+)\}", tabular)[1]
        rows = [row for row in tabular.splitlines() if row.endswith(r"\\")]
        cells = [len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows if "multicolumn" not in row]
        assert set(cells) == {len(columns)}
        assert all(f"multicolumn{{{len(columns)}}}" in row for row in rows if "multicolumn" in row)
        # A row that begins with [ or * would be read as an option of the \\ before it.
        assert all(row[0] not in "[*" for row in rows)


def test_latex_marks_bold_and_published(bert_view: StudyView) -> None:
    view = seeded(bert_view, 6)
    text = to_latex(view, study_table(full("sts", "spearman_all", STS_TASKS, seeds=6), view, "sts"))
    assert r"{ArcCSE} & 6 & \textbf{74.50 $\pm$ 1.96}" in text  # seeds 1 to 6: sd 1.8708, × 2.5706 / √6
    assert re.search(r"\\midrule\n.*published, single seed", text)
    assert re.search(r"\{ArcCSE\}\$\^\{\\mathrm\{.\}\}\$ & 1 & 72\.08", text)
    assert r"\caption{\textbf{Smoke run" in text
    assert r"\label{tab:main-sts}" in text


def test_any_character_can_be_written(scores: pd.DataFrame, view: StudyView) -> None:
    view = replace(view, title="比較 č ő Łódź \u0000🙂")
    text = to_latex(view, study_table(scores, view, "sts"))
    accented = r"{\v{c}} {\H{o}} {\L}\'{o}d{\'{z}}".replace(r"\'{o}", "ó")
    assert rf"\codepoint{{6BD4}}\codepoint{{8F03}} {accented} \codepoint{{0000}}\codepoint{{1F642}}" in text
    assert r"\providecommand{\codepoint}" in text
    plain = to_latex(replace(view, title="plain"), study_table(scores, view, "sts"))
    assert "codepoint" not in plain


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_set_in_latex_is_ascii_or_a_letter_that_pdflatex_has(text: str) -> None:
    written = markup._latex(text)
    assert all(c.isascii() or c in markup.LATEX for c in written)
    bare = re.sub(r"\\[\\{}$&%#_]", "", written)
    assert bare.count("{") == bare.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("more", ["", "日本語 čőşǎŁ 🙂 Ωℓ ﬁ"])
def test_latex_compiles(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame], more: str, tmp_path: Path) -> None:
    view, *tables_ = awkward
    awkward = (replace(view, title=view.title + more, caveat=more or None), *tables_)
    (tmp_path / "table.tex").write_text(to_latex(*awkward), encoding="utf-8")
    document = (
        r"\documentclass{article}\usepackage{booktabs}\usepackage{graphicx}"
        r"\begin{document}\input{table.tex}\end{document}"
    )
    (tmp_path / "main.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "main.pdf").stat().st_size > 1000


def test_write_leaves_whole_files(compared: tuple, tmp_path: Path) -> None:
    view, table, comparisons = compared
    markup.write(view, table, comparisons, tmp_path / "tables")
    left = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "tables").iterdir()}
    assert left == {
        "main.csv": to_csv(view, table),
        "main.md": to_markdown(view, table, comparisons),
        "main.tex": to_latex(view, table, comparisons),
        "main-comparisons.csv": markup.comparisons_csv(view, comparisons),
    }
    read = pd.read_csv(io.StringIO(left["main-comparisons.csv"]))
    np.testing.assert_allclose(read["difference"], comparisons["difference"], atol=1e-6)
    assert list(read["task"]) == [*STS_TASKS, "Avg"]
    assert read["source"].str.contains(CAVEAT, regex=False).all()


def test_a_diverged_row_is_shown_without_numbers(scores: pd.DataFrame, view: StudyView) -> None:
    gone = replace(view.rows[1], diverged={2: tables.Divergence(3, "The loss is not finite.")})
    with_it = replace(view, rows=[view.rows[0], gone, view.rows[2]])
    table = study_table(scores, with_it, "sts")
    text = to_markdown(with_it, table, compare_study(scores, with_it, ["sts"]))
    rows = {row[0]: row[1:] for row in grid_lines(text)}
    assert rows["SimCSE"] == ["2", "–", "–", "–"]
    assert "- –: SimCSE, MiniLM, diverged: seed 2 at step 3. It has no scores and is in no comparison." in text
    assert "SimCSE" not in text[text.index("### ") :]
    others = study_table(scores, replace(view, rows=[view.rows[0], view.rows[2]]), "sts")
    kept = table[table["method"] != "SimCSE"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, others)
    assert "nan" not in to_latex(with_it, table).lower()
    everything = replace(view, rows=[gone])
    assert ["SimCSE", "2", *["–"] * 8] in grid_lines(to_markdown(everything, study_table(scores, everything, "sts")))
