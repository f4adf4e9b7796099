"""Configs: what is accepted, what is refused and how, what a run's identity depends on."""

import copy
import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from families import MINILM

from arccse import config as configs
from arccse.errors import InputError
from arccse.hyperparameters import SETTINGS, Hyperparameters, own_settings
from arccse.variants import Variant

ROOT = Path(__file__).parent.parent
WIKI1M = f"hub:princeton-nlp/datasets-for-simcse/wiki1m_for_simcse.txt@{40 * 'e'}"
SMOKE = yaml.load((ROOT / "config" / "smoke.yaml").read_text(), Loader=configs.UniqueKeys) | {"claims": {}}


def write(tmp_path: Path, content: dict) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def main(**changes) -> dict:
    """The studies of a config: one, of two variants."""
    return {"main": {"title": "t", "variants": {"SimCSE": {}, "untrained": {"epochs": 0}}} | changes}


def load_with(tmp_path: Path, **training) -> configs.Config:
    content = copy.deepcopy(SMOKE)
    content["training"] |= training
    return configs.load(write(tmp_path, content))


def ids(config: configs.Config) -> set[str]:
    return set(config.runs())


def test_what_an_encoders_jobs_ask_for_is_no_part_of_any_runs_identity(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["encoders"]["other"] = {"model": MINILM, "resources": {"gpu": 0, "mem_mb": 9000, "runtime": 3}}
    asking = configs.load(write(tmp_path, content))
    del content["encoders"]["other"]["resources"]
    assert ids(asking) == ids(configs.load(write(tmp_path, content)))
    assert {run.id for run in asking.trial_runs()} < ids(asking)
    for run_id, run in asking.runs().items():
        expected = (0, 1, 9000, 3) if run.variant.model == MINILM else (1, 1, 4000, 240)
        asked = asking.resources_of(run_id)
        assert (asked.gpu, asked.threads, asked.mem_mb, asked.runtime) == expected


def test_smoke_has_the_variants_that_it_promises(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where nothing is tuned yet
    config = configs.load(ROOT / "config" / "smoke.yaml")
    assert "not findings" in config.caveat
    trials = {run.id for run in config.trial_runs()}
    assert len(trials) == 4
    names = {run.variant.name for run in config.runs().values() if run.id not in trials}
    both = {"simcse", "arccon10", "simcse-triplet20-40", "arccon10-triplet20-40", "arccon10-triplet30-60"}
    assert names == {"untrained"} | both
    assert {run.seed for run in config.runs().values()} == {0, 1, 100}


STUDIES = {
    "main",
    "objective",
    "margin",
    "temperature",
    "mask_ratio",
    "masks",
    "triplet_weight",
    "triplet_dropout",
    "noise",
    "order",
    "pooling",
}


@pytest.mark.parametrize(("name", "more"), [("smoke", {"tuned"}), ("paper", {"tuned", "spread"})])
def test_both_ends_have_every_study(name, more):
    config = configs.load(ROOT / "config" / f"{name}.yaml")
    assert set(config.studies) == STUDIES | more
    assert all(len(config.rows(study)) > 1 for study in STUDIES)
    swept = {key for study in STUDIES for row in config.rows(study) for key in differing(row.variant.hyperparameters)}
    wanted = {"objective", "margin", "temperature", "mask_ratios", "mask_shape", "mask_nested", "triplet_weight"}
    assert wanted | {"triplet_margin", "triplet_dropout", "noise", "epochs"} <= swept
    assert {"order", "geometry"} <= set(config.all_suites())
    assert "sts-mean" in config.all_suites()


def differing(h: Hyperparameters) -> set[str]:
    """The hyperparameters that are not at their defaults."""
    return {key for key, value in h if value != Hyperparameters.model_fields[key].default}


def test_studies_and_seeds_of_the_laptop_config():
    config = configs.load(ROOT / "config" / "laptop.yaml")
    assert set(config.studies) == STUDIES | {"transfer"}
    for study in config.studies:
        fewest = 5 if study in ("main", "transfer", "objective", "order") else 3
        trained = [row for row in config.rows(study) if not row.variant.untrained]
        assert min(len(row.runs) for row in trained) >= fewest


def test_paper_needs_no_network_and_says_every_hyperparameter():
    config = configs.load(ROOT / "config" / "paper.yaml")
    # what is tuned stands, with its origin, beside the objective
    untuned = [name for name, study in config.studies.items() if study.tuning is None]
    used = {row.variant.hyperparameters.objective for study in untuned for row in config.rows(study)}
    own = {key for objective in used for key in own_settings(objective)}
    assert set(config.training) == set(Hyperparameters.model_fields) - {"arguments", *SETTINGS} | own
    assert all(len(encoder.revision) == 40 for encoder in config.encoders.values())


def test_every_line_of_the_paper_config_has_an_origin():
    in_training = False
    for line in (ROOT / "config" / "paper.yaml").read_text().splitlines():
        in_training = line == "training:" or (in_training and line.startswith("  "))
        if in_training and line != "training:":
            comment = line.partition("#")[2]
            assert "assumed" in comment or "[" in comment or "whole epochs" in comment, line


# ------------------------------------------------------------------------------------------------- identity


def test_arccon_without_margin_is_simcse(tmp_path):
    rows = configs.load(ROOT / "config" / "smoke.yaml").rows
    assert rows("margin")[0].variant.hash == next(r for r in rows("main") if r.label == "SimCSE").variant.hash


@pytest.mark.parametrize(
    ("settings", "identity"),
    [
        ({}, "simcse-ec36646f"),
        ({"objective": "arccon"}, "arccon10-b5d9f493"),
        ({"objective": "arccon", "triplet_weight": 0.1}, "arccon10-triplet20-40-d7a2dad9"),
        ({"epochs": 0}, "untrained-7eb5e163"),
    ],
)
def test_runs_of_before_a_hyperparameter_keep_their_identity(settings, identity):
    # as computed at commit 0aa7282, before mask_shape, mask_nested, noise and chunk_size
    variant = Variant("bert-base-uncased", "86b5e09", "file:corpus.txt", "STSB-dev", Hyperparameters(**settings))
    assert variant.id == identity


def test_a_whitening_is_part_of_the_identity_and_of_the_name(tmp_path):
    settings = ({}, {"objective": "arccon", "triplet_weight": 0.1}, {"epochs": 0})
    plain, white = ([Hyperparameters(**s, whitening=on) for s in settings] for on in (False, True))
    for h, whitened in zip(plain, white, strict=True):
        assert "whitening" not in h.canonical()
        assert whitened.canonical() == h.canonical() | {"whitening": True}
    names = [Variant("bert", None, "file:a", "dev", h).name for h in white]
    assert names == ["simcse-whitened", "arccon10-triplet20-40-whitened", "untrained-whitened"]


def test_an_untrained_encoder_depends_on_the_corpus_if_it_is_whitened_and_on_neither_dev_set_nor_seed(tmp_path):
    h = Hyperparameters(epochs=0, whitening=True, learning_rate=1.0)
    variant = Variant("bert", None, "file:a", "dev", h)
    assert variant.canonical() == {
        **{"model": "bert", "revision": None, "corpus": "file:a"},
        **{"epochs": 0, "pooling": "cls", "whitening": True},
    }
    assert variant.hash == Variant("bert", None, "file:a", "another", h).hash
    assert variant.hash != Variant("bert", None, "file:b", "dev", h).hash
    content = SMOKE | {"studies": main(variants={"SimCSE": {}, "whitened": {"epochs": 0, "whitening": True}})}
    (row,) = configs.load(write(tmp_path, content | {"seeds": [3, 4]})).rows("main")[1:]
    assert [run.seed for run in row.runs] == [0]


def test_a_whitened_variant_is_scored_by_its_own_pooling_alone(tmp_path):
    variants = {"SimCSE": {}, "whitened": {"whitening": True}}
    for suite, pooling in (("sts-mean", "cls"), ("sts-cls", "first-last-avg")):
        training = {"pooling": pooling}
        studies = main(variants=variants, suites=["sts", suite], training=training)
        with pytest.raises(InputError) as refused:
            configs.load(write(tmp_path, SMOKE | {"studies": studies}))
        assert str(refused.value).endswith(
            f"studies.main: 'whitened' is whitened for {pooling} pooling, which fits no other, so that it can't be "
            f"scored on {suite}."
        )
        own = main(variants=variants, suites=["sts", f"sts-{pooling}"], training=training)
        assert len(configs.load(write(tmp_path, SMOKE | {"studies": own})).rows("main")) == 2


def test_a_config_is_read_without_torch():
    code = "import sys, arccse.config; arccse.config.load('config/paper.yaml'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_identity_ignores_what_trains_nothing(tmp_path):
    before = ids(configs.load(write(tmp_path, SMOKE)))
    changed = copy.deepcopy(SMOKE)
    changed["caveat"] = "Another caveat."
    changed["suites"] = ["sts"]
    changed["studies"]["main"]["title"] = "Another title"
    changed["studies"]["renamed"] = changed["studies"].pop("margin")
    changed["studies"]["main"]["variants"]["baseline"] = changed["studies"]["main"]["variants"].pop("SimCSE")
    assert ids(configs.load(write(tmp_path, changed))) == before


def test_identity_covers_encoder_corpus_and_dev_set(tmp_path):
    before = ids(configs.load(write(tmp_path, SMOKE)))
    corpus_file = tmp_path / "corpus.txt"
    corpus_file.write_text("a sentence\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "senteval" / "downstream").mkdir(parents=True)
    for change in (
        {"corpus": f"file:{corpus_file}"},
        {"data": f"senteval:{tmp_path / 'senteval'}"},
        {"encoders": {"BERT-tiny": {"model": str(tmp_path / "model")}}},
    ):
        after = ids(configs.load(write(tmp_path, SMOKE | change)))
        trained = {run for run in before if not run.startswith("untrained")}
        assert not trained & after, change


def test_a_run_is_trained_once_whatever_studies_share_it(tmp_path):
    config = configs.load(ROOT / "config" / "smoke.yaml")
    asked = [run.id for study in config.studies for row in config.rows(study) for run in row.runs]
    assert len(asked) > len(set(asked)) == len(config.runs()) - len(config.trial_runs())


def test_suites_of_a_shared_run_are_those_of_all_its_studies(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"] = {name: content["studies"][name] for name in ("main", "margin")}
    content["studies"]["main"]["suites"] = ["sts"]
    content["studies"]["margin"]["suites"] = ["mteb"]
    config = configs.load(write(tmp_path, content))
    asked = {run.variant.name: config.suites_of(run_id) for run_id, run in config.runs().items() if run.seed == 0}
    assert asked["simcse"] == ["sts", "mteb"]
    assert asked["arccon10"] == ["mteb"]


def test_a_sweep_over_two_keys_is_their_grid(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"]["margin"]["sweep"] = {"margin": [5, 10], "temperature": [0.05, 0.1, 0.2]}
    rows = configs.load(write(tmp_path, content)).rows("margin")
    assert [row.label for row in rows][:2] == ["margin=5, temperature=0.05", "margin=5, temperature=0.1"]
    assert len({row.variant.hash for row in rows}) == 6


def test_later_layers_win(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["training"]["dropout"] = 0.1
    content["encoders"]["BERT-tiny"]["training"] = {"dropout": 0.2, "temperature": 0.2}
    content["studies"]["main"]["training"] = {"dropout": 0.3, "temperature": 0.3}
    content["studies"]["main"]["variants"]["SimCSE"] = {"dropout": 0.4}
    chosen = next(row for row in configs.load(write(tmp_path, content)).rows("main") if row.label == "SimCSE")
    h = chosen.variant.hyperparameters
    assert (h.dropout, h.temperature, h.batch_size) == (0.4, 0.3, 8)


def test_a_studys_seeds_go_over_its_encoders_and_these_over_the_configs(tmp_path):
    content = copy.deepcopy(SMOKE) | {"seeds": [1], "studies": main()}
    content["encoders"] = {"own": {"model": MINILM, "seeds": [2, 3]}, "other": {"model": MINILM}}
    content["studies"] |= {"more": main(seeds=[4])["main"]}
    config = configs.load(write(tmp_path, content))
    seeds = {
        (study, row.encoder, row.label): [run.seed for run in row.runs]
        for study in config.studies
        for row in config.rows(study)
    }
    assert seeds["main", "own", "SimCSE"] == [2, 3]
    assert seeds["main", "other", "SimCSE"] == [1]
    assert seeds["more", "own", "SimCSE"] == seeds["more", "other", "SimCSE"] == [4]
    assert seeds["main", "own", "untrained"] == [0]  # it draws nothing


def test_exponents_are_numbers_and_quoted_text_is_text():
    content = yaml.load('{a: 3e-5, b: "3e-5", c: 1.5E+3, d: e5}', Loader=configs.UniqueKeys)
    assert content == {"a": 3e-5, "b": "3e-5", "c": 1500.0, "d": "e5"}


# --------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"margn": 10}, ["training.margn", "unknown key", "did you mean 'margin'?"]),
        ({"batch_size": "64"}, ["training.batch_size", "integer", "'64'"]),
        ({"batch_size": 1}, ["training.batch_size", "greater than or equal to 2", "1"]),
        ({"margin": 180}, ["training.margin", "less than 180", "180"]),
        ({"margin": -1}, ["training.margin", "greater than or equal to 0", "-1"]),
        ({"temperature": 0}, ["training.temperature", "greater than or equal to 0.0001", "0"]),
        ({"temperature": math.nan}, ["training.temperature", "nan"]),
        ({"temperature": math.inf}, ["training.temperature", "finite", "inf"]),
        ({"temperature": 1e-300}, ["training.temperature", "greater than or equal to 0.0001", "1e-300"]),
        ({"learning_rate": math.inf}, ["training.learning_rate", "finite", "inf"]),
        ({"learning_rate": math.nan}, ["training.learning_rate", "nan"]),
        ({"triplet_weight": math.inf}, ["training.triplet_weight", "finite", "inf"]),
        ({"weight_decay": math.inf}, ["training.weight_decay", "finite", "inf"]),
        ({"max_grad_norm": math.inf}, ["training.max_grad_norm", "finite", "inf"]),
        ({"margin": -math.inf}, ["training.margin", "-inf"]),
        ({"epochs": 10**20}, ["training.epochs", "less than or equal to 1000", "1" + 20 * "0"]),
        ({"batch_size": 10**20}, ["training.batch_size", "less than or equal to 65536"]),
        ({"max_steps": 10**20}, ["training.max_steps", "less than or equal to"]),
        ({"max_length": 10**20}, ["training.max_length", "less than or equal to"]),
        ({"eval_every": 10**20}, ["training.eval_every", "less than or equal to"]),
        ({"chunk_size": 10**20}, ["training.chunk_size", "less than or equal to"]),
        ({"mask_ratios": [0.4, 0.2]}, ["training.mask_ratios", "0 < near < far < 1", "[0.4, 0.2]"]),
        ({"mask_ratios": [0, 0.2]}, ["training.mask_ratios", "0 < near < far < 1"]),
        ({"mask_ratios": 0.2}, ["training.mask_ratios", "0 < near < far < 1"]),
        ({"pooling": "max"}, ["training.pooling", "'cls', 'mean', 'first-last-avg' or 'top2-avg'", "'max'"]),
        ({"mask_shape": "block"}, ["training.mask_shape", "'span' or 'scattered'", "'block'"]),
        ({"mask_nested": 1}, ["training.mask_nested", "boolean", "1"]),
        ({"noise": 1.1}, ["training.noise", "less than or equal to 1", "1.1"]),
        ({"objective": "triplet"}, ["training.objective", "unknown objective 'triplet'", "nt_xent", "arccon"]),
        ({"objective": "nt_xnt"}, ["training.objective", "unknown objective 'nt_xnt'", "did you mean 'nt_xent'?"]),
    ],
)
def test_a_wrong_hyperparameter_is_named(tmp_path, training, expected):
    with pytest.raises(InputError) as error:
        load_with(tmp_path, **training)
    for part in expected:
        assert part in str(error.value)


def test_the_place_of_a_wrong_hyperparameter_is_named(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"]["main"]["variants"]["ArcCSE"]["margin"] = 200
    with pytest.raises(InputError, match=r"studies\.main\.variants\.ArcCSE\.margin.*less than 180.*200"):
        configs.load(write(tmp_path, content))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sedes": [0]}, ["sedes", "unknown key", "did you mean 'seeds'?"]),
        ({"seeds": []}, ["seeds", "at least 1 item"]),
        ({"seeds": [0.5]}, ["seeds.0", "integer", "0.5"]),
        ({"seeds": [-1]}, ["seeds.0", "greater than or equal to 0", "-1"]),
        ({"seeds": [2**64]}, ["seeds.0", "less than 9223372036854775808", str(2**64)]),
        ({"seeds": [1, 2, 1]}, ["seeds", "1 is listed twice"]),
        ({"save_minutes": -1}, ["save_minutes", "greater than or equal to"]),
        ({"suites": ["sts", "sts"]}, ["suites", "'sts' is listed twice"]),
        ({"studies": main(seeds=[-1])}, ["studies.main.seeds.0", "greater than or equal to 0", "-1"]),
        ({"studies": main(seeds=[2**64])}, ["studies.main.seeds.0", "less than 9223372036854775808"]),
        ({"studies": main(suites=["sts", "mteb", "sts"])}, ["studies.main.suites", "'sts' is listed twice"]),
        ({"studies": main(suites=[])}, ["studies.main.suites", "at least 1 item"]),
        ({"studies": main(encoders=["BERT-tiny"] * 2)}, ["studies.main.encoders", "'BERT-tiny' is listed twice"]),
        ({"studies": main(title="")}, ["studies.main.title", "one line of text"]),
        ({"studies": main(title="two\nlines")}, ["studies.main.title", "one line of text"]),
        ({"studies": main(variants={"a\x07": {}})}, ["studies.main.variants", "one line of text"]),
        ({"studies": main(variants={" ": {}})}, ["studies.main.variants", "one line of text"]),
        ({"studies": main(variants={"margin=5": {}}, sweep={"margin": [5]})}, ["two variants are called 'margin=5'"]),
        ({"studies": main(variants={}, sweep={"margin": [5, 5]})}, ["two variants are called 'margin=5'"]),
        ({"studies": {"theory": main()["main"]}}, ["studies.theory", "another name"]),
        (
            {"studies": {n: main()["main"] for n in ("main", "main-comparisons")}},
            ["studies.main-comparisons", "'main'"],
        ),
        ({"corpus_size": 10**20, "corpus": WIKI1M}, ["corpus_size", "less than or equal to"]),
        ({"encoders": {"x": {"model": "package:"}}}, ["package:", "name of an installed package is missing"]),
        ({"encoders": {"x": {"model": 5000 * "a/"}}}, ["No model 'a/a/"]),
        ({"suites": ["stss"]}, ["suites.0: unknown suite 'stss'; did you mean 'sts'?"]),
        ({"data": "sentval:x"}, ["sentval:x", "senteval:FOLDER"]),
        ({"data": "senteval"}, ["data", "unknown data source 'senteval'", "senteval:FOLDER"]),
        ({"corpus": "package:nltk"}, ["package:nltk", "package:gensim"]),
        ({"encoders": {"x": {"model": "package:no-such"}}}, ["package:no-such", "installed"]),
        ({"encoders": {"x": {"model": "bert-base-uncased"}}}, ["encoders.x.revision", "pinned"]),
        ({"encoders": {"x": {"model": "./no/such/folder"}}}, ["./no/such/folder"]),
        ({"encoders": {"x": {"modle": "y"}}}, ["encoders.x.modle", "did you mean 'model'?"]),
        ({"studies": {"main": {"title": "t"}}}, ["studies.main", "variants"]),
        ({"studies": {"main": {"title": "t", "variants": {}, "encoders": ["x"]}}}, ["studies.main"]),
    ],
)
def test_a_wrong_key_is_named(tmp_path, change, expected):
    with pytest.raises(InputError) as error:
        configs.load(write(tmp_path, SMOKE | change))
    for part in expected:
        assert part in str(error.value)


def test_an_unknown_encoder_of_a_study_is_named(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"]["main"]["encoders"] = ["BERT-tinny"]
    with pytest.raises(InputError, match=r"studies\.main\.encoders.*'BERT-tinny'.*did you mean 'BERT-tiny'"):
        configs.load(write(tmp_path, content))


def test_an_encoder_without_published_rows_is_named(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"]["main"]["published"] = ["bert-base-uncase"]
    with pytest.raises(InputError, match=r"studies\.main\.published.*did you mean 'bert-base-uncased'"):
        configs.load(write(tmp_path, content))


def test_the_same_variant_twice_in_a_study_is_refused(tmp_path):
    content = copy.deepcopy(SMOKE)
    content["studies"]["main"]["variants"]["again"] = {"objective": "arccon", "margin": 0}
    with pytest.raises(InputError, match=r"'SimCSE' and 'again' are the same variant"):
        configs.load(write(tmp_path, content))


def test_files_that_are_no_config(tmp_path):
    with pytest.raises(InputError, match="No config file"):
        configs.load(tmp_path / "absent.yaml")
    path = tmp_path / "broken.yaml"
    for content, message in (("a: [1", "not valid YAML"), ("- 1", "mapping"), ("a: 1\na: 2", "twice")):
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            configs.load(path)


@pytest.mark.parametrize("name", ["../x", "/abs/x", "..", ".x", "-x", "", "a b", "a/b", "münchen", "x" * 65, "a\n"])
def test_names_that_are_no_file_names(tmp_path, name):
    study = main()["main"]
    model = {"model": MINILM}
    for change in ({"name": name}, {"studies": {name: study}}, {"encoders": {name: model}}):
        with pytest.raises(InputError, match=r"must be at most 64 letters, digits, '\.', '_' and '-'"):
            configs.load(write(tmp_path, SMOKE | {"studies": main()} | change))


def test_figures_of_two_studies_never_have_one_name(tmp_path):
    study = main()["main"]
    clash = {"encoders": {n: {"model": MINILM} for n in ("c", "b-c")}, "studies": {"a-b": study, "a": study}}
    with pytest.raises(InputError, match=r"studies\.a: figures of 'b-c' would overwrite those of 'a-b'"):
        configs.load(write(tmp_path, SMOKE | clash))


def test_labels_and_titles_are_any_text(tmp_path):
    text = r"ArcCSE，日本語 $\tau$ & <b>100 %</b> 🦆"
    studies = main(title=text, variants={text: {}, "b": {"dropout": 0.2}})
    config = configs.load(write(tmp_path, SMOKE | {"studies": studies}))
    assert config.studies["main"].title == text
    assert config.rows("main")[0].label == text


def test_merged_keys_may_be_given_again(tmp_path):
    text = """
a: &a {x: 1, y: 2}
b: &b {<<: *a, y: 3}
c: {<<: *b, x: 4}
d: {<<: [*a, *b]}
"""
    content = yaml.load(text, Loader=configs.UniqueKeys)
    assert content["b"] == {"x": 1, "y": 3}
    assert content["c"] == {"x": 4, "y": 3}
    assert content["d"] == {"x": 1, "y": 2}
    with pytest.raises(yaml.YAMLError, match="key 'x' twice"):
        yaml.load("a: &a {x: 1}\nb: {<<: *a, x: 2, x: 3}", Loader=configs.UniqueKeys)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes("caveat: Größe\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"config\.yaml is not UTF-8: .*0xf6"):
        configs.load(path)
    path.write_text("a: " + 3000 * "[" + 3000 * "]")
    with pytest.raises(InputError, match=r"config\.yaml nests its values too deeply"):
        configs.load(path)
    with pytest.raises(InputError, match=r"config file 'aaa.*…' can't be read: File name too long"):
        configs.load(5000 * "a")
    with pytest.raises(InputError, match="can't be read: Is a directory"):
        configs.load(tmp_path)


def test_a_long_value_is_cut_in_the_message(tmp_path):
    with pytest.raises(InputError) as error:
        configs.load(write(tmp_path, SMOKE | {"corpus": [10_000 * "a"]}))
    assert len(str(error.value)) < 300


def test_each_row_is_made_once(tmp_path, monkeypatch):
    made = []
    row = configs.Config.row
    monkeypatch.setattr(configs.Config, "row", lambda self, *place: made.append(place) or row(self, *place))
    content = copy.deepcopy(SMOKE)
    content["studies"] = {
        "grid": {
            "title": "t",
            "training": {"objective": "arccon"},
            "sweep": {"margin": [1, 2, 3], "temperature": [0.05, 0.1]},
        }
    }
    config = configs.load(write(tmp_path, content))
    assert [config.suites_of(run_id) for run_id in config.runs()] == 12 * [["sts"]]  # 6 points, 2 seeds
    assert len(config.rows("grid")) == 6
    assert len(made) == 6


def test_a_changed_copy_has_rows_of_its_own(tmp_path):
    config = configs.load(write(tmp_path, SMOKE | {"studies": main()}))
    seeds = {run.seed for run in config.runs().values()}
    more = config.model_copy(update={"seeds": [7]})
    assert {run.seed for run in more.runs().values()} == {0, 7}  # 0 is that of the untrained encoder
    assert {run.seed for run in config.runs().values()} == seeds == {0, 1}
