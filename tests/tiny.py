"""A BERT so small that a training takes a second: random weights, a real WordPiece tokenizer."""

from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = """the a of in on man woman dog cat child river bridge song guitar plays reads crosses sees finds old young
red quiet long north city winter morning letter window garden train and with slowly again never"""


def sentences(count: int) -> list[str]:
    """Different sentences of 3 to 14 words, always the same ones."""
    words = WORDS.split()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 15, (count,), generator=generator).tolist()
    return [
        " ".join(words[i] for i in torch.randint(0, len(words), (length,), generator=generator).tolist()) + f" {n}."
        for n, length in enumerate(lengths)
    ]


def save_bert(folder: Path) -> Path:
    """A two-layer BERT of width 32 and its tokenizer, in plain transformers layout."""
    folder.mkdir(parents=True)
    trainer = BertWordPieceTokenizer(lowercase=True)
    trainer.train_from_iterator(sentences(300), vocab_size=200, min_frequency=1, show_progress=False)
    trainer.save_model(str(folder))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,  # at the usual 0.02 all sentences would get nearly the same embedding
    )
    BertModel(config).save_pretrained(folder)
    return folder
