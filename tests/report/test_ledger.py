"""The ledger: its facts agree with the published tables, and published and measured stand apart."""

from dataclasses import replace

import pytest
from made_configs import made_config
from made_results import made_results

from arccse.hyperparameters import OBJECTIVES
from arccse.report import build, ledger, recipes, supplements
from arccse.report.blocks import Block
from arccse.report.comparisons import compare_study
from arccse.report.markup import to_latex, to_markdown
from arccse.report.supplements import Material
from arccse.report.tables import published

VARIANTS = {
    "NT-Xent": {},
    "ArcCon": {"objective": "arccon"},
    "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1},
    "focal": {"objective": "focal"},
}
ALSO = {"SimCSE": "SimCSE", "RankCSE": "RankCSE listMLE", "PromptBERT": "PromptBERT (mean of 10 seeds)"}
ALSO |= {"JTCSE": "JTCSE-UC (uses a second model)"}


def material(config):
    found = made_results(config)
    views = {study: build.study_view(config, study, found) for study in config.studies}
    compared = {s: compare_study(found.scores, view, config.study_suites(s)) for s, view in views.items()}
    return Material(config, found, views, compared, None)


@pytest.fixture
def made(tmp_path):
    """Two studies of the same comparison, the second with more seeds, and one of margins."""
    margins = {"sweep": {"margin": [0, 20]}, "training": {"objective": "arccon"}}
    studies = {
        "few": {"variants": VARIANTS, "seeds": [0, 1, 2]},
        "many": {"variants": VARIANTS, "seeds": [0, 1, 2, 3]},
        "margin": margins,
    }
    return material(made_config(tmp_path, studies))


# the facts


def test_claims_are_those_of_the_published_tables():
    tables = published().query(f"encoder == '{ledger.ENCODER}' and suite == 'sts' and task == 'Avg'")
    values = tables.set_index("method")["value"].to_dict()
    claims = ledger.read("claimed").query("of == 'average'").set_index("method")["value"].to_dict()
    both = {method: ALSO.get(method, method) for method in claims if ALSO.get(method, method) in values}
    assert len(both) >= 8
    assert {method: claims[method] for method in both} == {method: values[name] for method, name in both.items()}


def test_every_fact_is_of_a_claim_and_says_where_it_was_read():
    claims, repeated, differing = (ledger.read(name) for name in ("claimed", "replications", "recipes"))
    assert claims["method"].is_unique
    assert set(repeated["method"]) <= set(claims["method"])
    assert set(differing["method"]) <= set(claims["method"])
    assert set(claims["of"]) == {"average", "gain"}
    assert {one for one in claims["objective"] if one} <= set(OBJECTIVES)
    assert claims["triplet"].isin(["yes", "no"]).tolist() == [bool(one) for one in claims["objective"]]
    for facts in (claims, repeated, differing):
        assert (facts["source"].str.len() > 5).all()
        assert set(facts["checked"]) <= {"", "README", "abstract", "issue", "pull request", "script", "log"}


def test_what_others_found_is_what_the_published_spread_says():
    (line,) = (one for one in ledger.read("replications")["found"] if "50 seeds" in one)
    row = published().query(f"method == 'SimCSE (50 seeds)' and encoder == '{ledger.ENCODER}'").iloc[0]
    assert line.startswith(f"{row['value']:.2f}, sd {row['sd']:.2f}")


# what is measured


def test_the_most_seeds_are_taken_and_all_lines_are_those_of_the_study(made):
    found = ledger.frame(made, "")
    own = found[found["origin"] == ledger.MEASURED].set_index("method")
    assert sorted(own.index) == ["ArcCSE", "Focal-InfoNCE"]  # of ArcCon alone nothing is claimed
    assert set(own["study"]) == {"many"}
    compared = made.compared["many"].query("suite == 'sts' and task == 'Avg' and label == 'focal'").iloc[0]
    line = own.loc["Focal-InfoNCE"]
    assert (line["gain"], line["low"], line["high"]) == (compared["difference"], compared["low"], compared["high"])
    assert (line["n"], line["verdict"], line["rows"]) == (4, compared["verdict"], "as the config has them")


def test_gains_are_over_simcse_s_claim_or_as_they_are_claimed(made):
    own = ledger.frame(made, "").query(f"origin == '{ledger.CLAIMED}'").set_index("method")
    assert own.loc["ArcCSE", "gain"] == pytest.approx(78.11 - 76.25)
    assert own.loc["ESimCSE, word repetition alone", ["gain"]].item() == 1.64
    assert own["gain"].isna().sum() == 1  # SimCSE's own


def test_another_setting_is_another_recipe(tmp_path):
    """Neither what differs in more than the objective nor an objective with other settings is the method claimed."""
    variants = {
        "NT-Xent": {},
        "colder": {"objective": "focal", "temperature": 0.03},
        "wider": {"objective": "focal", "focal_margin": 0.5},
    }
    found = ledger.frame(material(made_config(tmp_path, {"main": {"variants": variants}})), "")
    assert ledger.MEASURED not in set(found["origin"])


def test_tuned_rows_are_compared_among_themselves(made):
    view = made.views["many"]
    tuned = [replace(row, label=f"{row.label}, tuned", untuned=row.label) for row in view.rows]
    both = replace(view, rows=[*view.rows, *tuned])
    compared = compare_study(made.results.scores, both, ["sts"])
    found = ledger.frame(replace(made, views={"many": both}, compared={"many": compared}), "")
    own = found[found["origin"] == ledger.MEASURED]
    assert own.groupby("rows")["method"].count().to_dict() == {"as the config has them": 2, "tuned": 2}


# printed


def test_published_and_measured_share_no_column_but_the_claim_s_gain(made):
    grid = ledger.grid(ledger.frame(made, ""))
    (heading, claims), *measured = grid.groups
    assert heading.startswith("Published, bert-base-uncased")
    assert [name for name, _ in measured] == ["Measured here, tiny, less NT-Xent, rows as the config has them"]
    places = [grid.heads.index(name) for name in ("Gain measured", "Interval", "n", "Verdict")]
    assert {line[place].text for line in claims for place in places} == {"–"}
    published_only = [grid.heads.index(name) for name in ("Claimed", "By others")]
    assert {line[place].text for _, lines in measured for line in lines for place in published_only} == {"–"}
    gains = {line[0].text: line[grid.heads.index("Gain claimed")].text for line in claims}
    assert gains["ArcCSE"] == "+1.86"
    for line in measured[0][1]:
        assert line[grid.heads.index("Gain claimed")].text == gains[line[0].text]


def test_every_mark_has_its_note_and_what_was_not_checked_says_so(made):
    for grid, facts in (
        (ledger.grid(ledger.frame(made, "")), ["claimed", "replications"]),
        (recipes.grid(recipes.frame(made, "")), ["recipes"]),
    ):
        cells = [cell for _, lines in grid.groups for line in lines for cell in line]
        used = {mark for cell in cells if cell.mark for mark in cell.mark.split(", ")}
        notes = dict(grid.notes)
        assert used == set(notes) - {"", "?"}
        assert {notes[mark] for mark in used} == {source for name in facts for source in ledger.read(name)["source"]}
        doubtful = sum((ledger.read(name)["checked"] == "").sum() for name in facts)
        assert sum(cell.text.count(" ?") for cell in cells) == doubtful


def test_it_is_there_where_a_claimed_objective_is_compared_with_nt_xent(tmp_path):
    def named(variants):
        placed = supplements.placed(made_config(tmp_path, {"main": {"variants": variants}}))
        return [one.name for one in placed if one.supplement.name in ("ledger", "recipes")]

    assert named({"a": {}, "b": {"objective": "focal"}}) == ["ledger", "recipes"]
    assert named({"a": {}, "b": {"objective": "arccon"}}) == []  # nothing is claimed of it alone
    assert named({"a": {"objective": "focal"}, "b": {"objective": "mixed_negatives"}}) == []


def test_it_is_written_in_every_markup(made):
    for name, module in (("ledger", ledger), ("recipes", recipes)):
        block = Block(name, "Title", None, "Caption.", module.grid(module.frame(made, "")), None)
        assert "princeton-nlp/SimCSE" in to_markdown("Title", [block]) or name == "recipes"
        assert r"\label{tab:x-" in to_latex("x", [block])
