"""The order suite: its masks, its shares from hand-made embeddings, and the mask tokens of real tokenizers."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from arccse.data.readers import Pairs, letters
from arccse.data.sources import STSB_TEST, open_source
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation import order, scoring, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Scored
from arccse.evaluation.scoring import Job
from arccse.models import MASK


class Text:
    """A source of held-out sentences and those of dev."""

    spec = "text"

    def __init__(self, sentences: list[str], dev: Sequence[str] = ()):
        self.sentences, self.dev_sentences = sentences, list(dev)

    def held_out(self) -> list[str]:
        return self.sentences

    def dev(self) -> Pairs:
        return Pairs(self.dev_sentences, self.dev_sentences, np.zeros(len(self.dev_sentences)), (0, 1))


def numbered(words: int) -> str:
    return " ".join(f"w{i}" for i in range(words))


def evaluate(embed, source: Text) -> Scored:
    (scored,) = order.evaluate(Job(suites.SUITES["order"], source, ["ORDER"], embed, Path("unused"), "a/b"))
    return scored


def values(scores: list) -> dict[str, float]:
    return {score.metric: score.value for score in scores}


# the masks


@given(words=st.integers(order.FEWEST_WORDS, 60), seed=st.integers(0, 2**32))
def test_masks_are_nested_spans_of_whole_words(words: int, seed: int) -> None:
    whole, *versions = order.masked(numbered(words), np.random.default_rng(seed))
    assert whole == numbered(words)
    before: set[int] = set()
    for share, version in zip((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), versions, strict=True):
        shown = version.split()
        masked = [i for i, word in enumerate(shown) if word == MASK]
        assert len(shown) == words
        assert all(word == f"w{i}" for i, word in enumerate(shown) if word != MASK)
        assert len(masked) == max(1, round(round(100 * share) * words / 100))
        assert masked == list(range(masked[0], masked[-1] + 1))
        assert before <= set(masked)
        before = set(masked)


def test_the_first_span_stands_anywhere() -> None:
    firsts = {order.masked(numbered(10), np.random.default_rng(seed))[1].split().index(MASK) for seed in range(300)}
    assert firsts == set(range(10))


def test_the_sentences_number_alone_seeds_its_masks() -> None:
    one, other = numbered(12), " ".join(f"v{i}" for i in range(12))
    first = order.all_masked(Text([one, other, one, "too short"]))  # repeated and short ones have no number
    assert len(first) == 2
    np.random.seed(1)  # noqa: NPY002 - global state must not matter
    assert order.all_masked(Text([one, other])) == first
    swapped = order.all_masked(Text([other, one]))
    assert [version.replace("v", "w") for version in swapped[0]] == first[0]
    assert swapped[1] != first[0]


@pytest.mark.parametrize("count", [3, 500, 501, 750, 1200])
def test_at_most_500_sentences_of_8_words_from_the_whole_of_the_text(count: int) -> None:
    chosen = order.held_out(Text([f"{i} {numbered(n)}" for i in range(count) for n in (6, 7)]))
    places = [int(sentence.split()[0]) for sentence in chosen]
    assert chosen == [f"{i} {numbered(7)}" for i in places]
    assert len(chosen) == min(count, 500)
    assert places[0] == 0
    assert np.ptp(np.diff([*places, count])) <= 1  # in even steps


def test_sentences_of_dev_and_those_with_the_same_letters_are_left_out() -> None:
    one, other = numbered(8), numbered(9)
    assert order.held_out(Text([one.upper() + " .", one, other], dev=["unlike"])) == [one.upper() + " .", other]
    assert order.held_out(Text([one, other], dev=[f"{one.title()} !"])) == [other]
    with pytest.raises(InputError, match="no held-out sentence of text"):
        order.held_out(Text([one, other], dev=[one, other]))


def test_a_source_without_a_sentence_long_enough_is_named() -> None:
    with pytest.raises(InputError, match="Suite order, task ORDER: no held-out sentence of text has 8 words"):
        order.sentences(Text(["too short", numbered(7)]), ["ORDER"])


# the scores


def test_scores_worked_out_by_hand() -> None:
    falling = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    rising = np.array([1.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    flat = np.full(9, 1.0)  # equal is not in order
    broken = np.array([1.0, 0.9, 0.5, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])  # 20 % lies below 30 % and 40 %
    counts = np.tile(np.arange(9), (4, 1))
    found = values(order.scores(np.stack([falling, rising, flat, broken]), counts))
    assert found["ordered_20_40"] == 25.0
    assert found["ordered_all"] == pytest.approx(100 * (7 + 0 + 0 + 6) / 28)
    assert found["similarity_0"] == 100.0
    assert found["similarity_20"] == pytest.approx(100 * (0.8 + 0.2 + 1.0 + 0.5) / 4)
    assert found["similarity_80"] == pytest.approx(100 * (0.2 + 0.8 + 1.0 + 0.2) / 4)
    assert set(found) == {"ordered_20_40", "ordered_all"} | {f"similarity_{p}" for p in range(0, 90, 10)}


def test_levels_with_the_same_words_masked_are_no_pair() -> None:
    counts = np.array([[0, 1, 2, 2, 3, 4, 5, 6, 6]])  # 8 words: 20 and 30 % are two words, 70 and 80 % six
    cosines = np.array([[1.0, 0.9, 0.8, 0.8, 0.7, 0.6, 0.7, 0.5, 0.5]])  # 50 to 60 % rises
    score = next(s for s in order.scores(cosines, counts) if s.metric == "ordered_all")
    assert score.n == 5
    assert score.value == pytest.approx(100 * 4 / 5)


def test_an_encoder_that_turns_away_with_each_masked_word_is_in_order() -> None:
    # a sentence is an angle of 1° for each masked word; length must not matter
    def embed(sentences: list[str]) -> np.ndarray:
        angles = np.radians([s.split().count(MASK) for s in sentences])
        lengths = 1 + np.arange(len(sentences))
        return (lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)

    source = Text([numbered(8), numbered(20), numbered(50)])
    scores, examples = evaluate(embed, source)
    found = values(scores)
    assert (found["ordered_20_40"], found["ordered_all"]) == (100.0, 100.0)
    assert {score.n for score in scores if score.metric != "ordered_all"} == {3}
    assert next(score.n for score in scores if score.metric == "ordered_all") == 5 + 7 + 7
    wanted = np.mean([np.cos(np.radians(words)) for words in (3, 8, 20)])  # 40 % of 8, 20 and 50 words
    assert found["similarity_40"] == pytest.approx(100 * wanted, abs=1e-4)
    back = evaluate(lambda s: embed([" ".join([MASK] * (60 - x.split().count(MASK))) for x in s]), source)
    turning_back = values(back.scores)
    assert turning_back["ordered_all"] == 100.0  # only the angle to the whole sentence counts

    assert examples is not None
    level = examples[examples["percent"] == 40]
    assert level[["suite", "task", "index", "masked"]].values.tolist() == [
        ["order", "ORDER", i, words] for i, words in enumerate((3, 8, 20))
    ]
    assert level["similarity"].tolist() == pytest.approx(np.cos(np.radians([3, 8, 20])), abs=1e-6)


def test_scores_follow_from_the_kept_similarities() -> None:
    def embed(sentences: list[str]) -> np.ndarray:
        return np.array([np.random.default_rng(len(s)).standard_normal(4) for s in sentences], dtype=np.float32)

    scores, examples = evaluate(embed, Text([numbered(n) for n in (8, 9, 13, 20, 31)]))
    found = values(scores)
    assert examples is not None
    wide = examples.pivot(index="index", columns="percent", values="similarity")
    assert 100 * (wide[20] > wide[40]).mean() == found["ordered_20_40"]
    for percent in range(0, 90, 10):
        assert 100 * wide[percent].mean() == pytest.approx(found[f"similarity_{percent}"])
    masked = examples[examples["percent"] > 0]
    steps = masked.groupby("index")[["masked", "similarity"]].diff().dropna()
    steps = steps[steps["masked"] > 0]
    ordered = next(score for score in scores if score.metric == "ordered_all")
    assert (100 * (steps["similarity"] < 0).mean(), len(steps)) == (pytest.approx(ordered.value), ordered.n)


def test_an_encoder_that_sees_no_masks_is_refused() -> None:
    def embed(sentences: list[str]) -> np.ndarray:  # by the number of words
        return np.array([[len(s.split()), 1.0, 0.3] for s in sentences], dtype=np.float32)

    with pytest.raises(InputError, match=r"Suite order, task ORDER: all 27 similarities .* are equal, .* no order"):
        evaluate(embed, Text([numbered(n) for n in (8, 9, 13)]))


# through real encoders and sources


def test_mask_becomes_the_tokenizers_own_token(family: Path) -> None:
    encoder = load_encoder(str(family), "mean")
    ids = encoder.token_ids([f"A man {MASK} {MASK} guitar.", "A man is playing a guitar."])
    assert ids[0].count(encoder.tokenizer.mask_token_id) == 2
    assert encoder.tokenizer.mask_token_id not in ids[1]
    assert encoder.tokenizer.unk_token_id not in ids[0]


def test_an_encoder_without_a_mask_token_is_named(tiny_models: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_models / "bert")
    encoder = load_encoder(str(tiny_models / "bert"), "mean")
    encoder.tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    encoder.encode(["A man is playing a guitar."])
    with pytest.raises(InputError, match=r"bert' has no mask token to stand for \[MASK\]"):
        encoder.encode([f"A man {MASK} a guitar."])


def test_the_suite_on_gensims_sentences(tiny_models: Path, tmp_path: Path) -> None:
    source = open_source("package:gensim")
    assert suites.tasks("order", source) == ["ORDER"]
    assert suites.read(["order"], source) == ["ORDER"]
    test = source.sts("LEE")["LEE"]
    dev = source.dev()
    texts = order.held_out(source)
    assert len(texts) > 50
    assert all(any(text in document for document in test.first + test.second) for text in texts)
    assert not any(text in document for text in texts for document in dev.first + dev.second)
    selection = {"order": ["ORDER"]}
    embeddings = Embeddings.of(load_encoder(str(tiny_models / "bert"), "mean"), scoring.sentences(source, selection))
    said: list = []
    scores = scoring.evaluate(embeddings, source, selection, tmp_path, "a/b", said.extend)
    assert scores == said
    assert {(score.suite, score.task) for score in scores} == {("order", "ORDER")}
    assert values(scores)["similarity_0"] == pytest.approx(100)
    (kept,) = tmp_path.iterdir()
    assert len(pd.read_parquet(kept)) == 9 * len(texts)


def test_the_suite_on_the_sts_benchmark(senteval: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    chosen = order.held_out(source)
    dev = set(map(letters, source.dev().sentences))
    assert not [text for text in chosen if letters(text) in dev]
    genre = {}
    for line in (senteval / "downstream" / STSB_TEST).read_text(encoding="utf-8").rstrip("\n").split("\n"):
        cells = line.split("\t")
        genre |= {" ".join(text.split()): cells[0] for text in cells[5:7]}
    assert Counter(genre[text] for text in chosen) == {"main-news": 213, "main-captions": 211, "main-forums": 76}
    assert source.checksums(["ORDER"]) == source.checksums(["STSB"])
