"""The order suite: its masks, its shares from hand-made embeddings, and the mask tokens of real tokenizers."""

from pathlib import Path

import numpy as np
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from arccse.data.sources import open_source
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation import order, scoring, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score
from arccse.evaluation.scoring import Job
from arccse.models import MASK


class Text:
    """A source of held-out sentences alone."""

    spec = "text"

    def __init__(self, sentences: list[str]):
        self.sentences = sentences

    def held_out(self) -> list[str]:
        return self.sentences


def numbered(words: int) -> str:
    return " ".join(f"w{i}" for i in range(words))


def evaluate(embed, source: Text) -> list[Score]:
    (scores,) = order.evaluate(Job(suites.SUITES["order"], source, ["ORDER"], embed, Path("unused"), "a/b"))
    return scores


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


def test_at_most_500_sentences_of_8_words() -> None:
    chosen = order.held_out(Text([f"{i} {numbered(n)}" for i in range(600) for n in (6, 7)]))
    assert chosen == [f"{i} {numbered(7)}" for i in range(500)]


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
    scores = evaluate(embed, source)
    found = values(scores)
    assert (found["ordered_20_40"], found["ordered_all"]) == (100.0, 100.0)
    assert {score.n for score in scores if score.metric != "ordered_all"} == {3}
    assert next(score.n for score in scores if score.metric == "ordered_all") == 5 + 7 + 7
    wanted = np.mean([np.cos(np.radians(words)) for words in (3, 8, 20)])  # 40 % of 8, 20 and 50 words
    assert found["similarity_40"] == pytest.approx(100 * wanted, abs=1e-4)
    turning_back = values(
        evaluate(lambda s: embed([" ".join([MASK] * (60 - x.split().count(MASK))) for x in s]), source)
    )
    assert turning_back["ordered_all"] == 100.0  # only the angle to the whole sentence counts


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
    assert not list(tmp_path.iterdir())


def test_the_suite_on_the_sts_benchmark(senteval: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    assert len(order.held_out(source)) == 500
    assert source.checksums(["ORDER"]) == source.checksums(["STSB"])
