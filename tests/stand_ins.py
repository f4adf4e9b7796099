"""What config/paper.yaml reads from the hub, small: under the same names, at the same revisions, in the same files.

    python tests/stand_ins.py FOLDER COMMAND...

serves it on loopback while COMMAND runs, whose hub it is. FOLDER keeps what is downloaded, apart from the user's own
caches: these models have the names of real ones. What is served is the same each time.

The encoders have random weights, the config of the real ones with fewer and narrower layers, and tokenizers of their
kinds with a small vocabulary. The corpus is 2,000 Wikipedia sentences. SentEval's archive is packed, and mteb's data
sets are written, from a SentEval folder, whose files are those of the real archive.
"""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from hub_server import serve
from safetensors.torch import save
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from arccse.data import corpus
from arccse.data.hub import HUB_FILE, HUB_REPO, HUB_REVISION
from arccse.data.readers import Pairs
from arccse.data.sources import STS_TASKS, open_source
from arccse.evaluation.mteb_suite import TASKS, joined

ROOT = Path(__file__).parent.parent
SENTEVAL = ROOT.parent / "shared" / "data" / "senteval"
WIKI = "wiki1m_for_simcse.txt"
SENTENCES, WORDS = 2000, 1500

# Where the encoders of these names are now: the hub redirects from the old names, which papers and configs have.
MOVED = {
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "bert-large-uncased": "google-bert/bert-large-uncased",
    "roberta-base": "FacebookAI/roberta-base",
}
REVISIONS = {
    "bert-base-uncased": "86b5e0934494bd15c9632b12f734a8a67f723594",
    "bert-large-uncased": "6da4b6a26a1877e173fca3225479512db81a5e5b",
    "roberta-base": "e2da8e2f811d1448a5b465c236feacd80ffbac7b",
}
# Beside weights and tokenizer: what an encoder's repository has for others, and nobody here may read.
OTHERS = ["pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "rust_model.ot", ".gitattributes", "README.md"]

BERT = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.6.0.dev0",
    "type_vocab_size": 2,
    "use_cache": True,
}
LARGE = BERT | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "num_hidden_layers": 3}
ROBERTA = BERT | {
    "architectures": ["RobertaForMaskedLM"],
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,
    "model_type": "roberta",
    "pad_token_id": 1,
    "type_vocab_size": 1,
}
del ROBERTA["gradient_checkpointing"], ROBERTA["position_embedding_type"], ROBERTA["transformers_version"]
del ROBERTA["use_cache"]


def repositories(senteval: Path = SENTEVAL, below: str = "") -> dict[str, bytes]:
    """Address → content of all that paper.yaml asks the hub for.

    Args:
        senteval: the folder that holds SentEval's `downstream`.
        below: the folder of the archive that its members are in; "": they stand at its top.
    """
    sentences = corpus.sentences("package:gensim")[:SENTENCES]
    pieces = word_pieces(sentences)
    encoders = {
        "bert-base-uncased": bert(pieces, BERT),
        "bert-large-uncased": bert(pieces, LARGE),
        "roberta-base": roberta(sentences, ROBERTA),
    }
    found = {}
    for name, files in encoders.items():
        for file, content in (dict.fromkeys(OTHERS, b"not for us") | files).items():
            found[f"/{MOVED[name]}/resolve/{REVISIONS[name]}/{file}"] = content
    simcse = f"/datasets/{HUB_REPO}/resolve/{HUB_REVISION}"
    found[f"{simcse}/{WIKI}"] = "".join(f"{sentence}\n" for sentence in sentences).encode()
    found[f"{simcse}/{HUB_FILE}"] = archive(senteval / "downstream", below)
    for name in STS_TASKS:
        task = TASKS[name]
        root = f"/datasets/mteb/{repository(task.name)}/resolve/{task.revision}"
        found |= {f"{root}/{file}": content for file, content in mteb_files(senteval, name).items()}
    return found


def repository(task: str) -> str:
    """The name of the data set of an mteb task."""
    return f"{task.lower().replace('-', '')}-sts"


# encoders


def word_pieces(sentences: Iterable[str]) -> list[str]:
    """BERT's special tokens, every character at the beginning of a word and inside, and frequent words."""
    split = pre_tokenizers.BertPreTokenizer()
    lower = normalizers.BertNormalizer(lowercase=True)
    words = Counter(word for s in sentences for word, _ in split.pre_tokenize_str(lower.normalize_str(s)))
    characters = sorted({character for word in words for character in word})
    frequent = sorted(words, key=lambda word: (-words[word], word))[:WORDS]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *characters,
        *(f"##{one}" for one in characters),
        *frequent,
    ]
    return list(dict.fromkeys(pieces))


def bert(pieces: list[str], shape: dict[str, Any]) -> dict[str, bytes]:
    """The files of a BERT: as on the hub, a masked language model whose layer norms have gammas and betas."""
    places = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(places, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, places[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(pieces[:5])
    config = shape | {"vocab_size": len(pieces)}
    model = random_weights(transformers.BertForMaskedLM(transformers.BertConfig(**config)))
    weights = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weight
        for name, weight in model.items()
    }
    return {
        "LICENSE": b"a stand-in",
        "config.json": as_json(config),
        "coreml/fill-mask/float32_model.mlpackage/Manifest.json": b"{}\n",
        "model.safetensors": save(weights, {"format": "pt"}),
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": as_json({"do_lower_case": True, "model_max_length": 512}),
        "vocab.txt": "".join(f"{piece}\n" for piece in pieces).encode(),
    }


def roberta(sentences: list[str], shape: dict[str, Any]) -> dict[str, bytes]:
    """The files of a RoBERTa: a masked language model, a byte-level BPE trained on the sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    config = shape | {"vocab_size": tokenizer.get_vocab_size()}
    weights = random_weights(transformers.RobertaForMaskedLM(transformers.RobertaConfig(**config)))
    model = json.loads(tokenizer.to_str())["model"]
    return {
        "config.json": as_json(config),
        "dict.txt": b"0 1\n",  # fairseq's
        "merges.txt": "".join(["#version: 0.2\n", *(f"{' '.join(pair)}\n" for pair in model["merges"])]).encode(),
        "model.safetensors": save(weights, {"format": "pt"}),
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": as_json({"model_max_length": 512}),
        "vocab.json": json.dumps(model["vocab"] | {"<mask>": tokenizer.token_to_id("<mask>")}).encode(),
    }


def random_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a model's checkpoint, drawn wide enough to tell sentences apart, the same ones each time."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.normal_(0, 0.02 if "embeddings" in name else 0.16, generator=generator)
    tied = ("cls.predictions.decoder.", "lm_head.decoder.")
    return {name: weight for name, weight in model.state_dict().items() if not name.startswith(tied)}


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


# data


def archive(downstream: Path, below: str) -> bytes:
    """SentEval's files in a tar, as `tar cf senteval.tar *` in their folder or in one above it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(downstream.iterdir()):
            tar.add(path, f"{below}{path.name}")
    return buffer.getvalue()


def mteb_files(senteval: Path, name: str) -> dict[str, bytes]:
    """The files of the data set of one of mteb's tasks: JSON lines, a gzip file for each split."""
    source = open_source(f"senteval:{senteval}")
    pairs = source.sick_all() if name == "SICKR" else joined(source.sts(name))
    files = {"test.jsonl.gz": pairs, **({"validation.jsonl.gz": source.dev()} if name == "STSB" else {})}
    return {"README.md": b"---\nlanguage:\n- en\n---\n"} | {file: lines(of) for file, of in files.items()}


def lines(pairs: Pairs) -> bytes:
    rows = zip(pairs.first, pairs.second, pairs.scores.tolist(), strict=True)
    found = (json.dumps({"sentence1": one, "sentence2": two, "score": score}) + "\n" for one, two, score in rows)
    return gzip.compress("".join(found).encode(), mtime=0)


# the command


def environment(endpoint: str, folder: Path) -> dict[str, str]:
    """Of a process whose hub is at the endpoint, and which keeps what it downloads in the folder."""
    caches = {"HF_HOME": str(folder / "huggingface"), "XDG_CACHE_HOME": str(folder / "cache")}
    own = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_OFFLINE"))}
    return own | caches | {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def main() -> int:
    folder, command = Path(sys.argv[1]).absolute(), sys.argv[2:]
    if not (SENTEVAL / "downstream").is_dir():
        sys.exit(f"stand_ins.py packs SentEval's archive from {SENTEVAL}/downstream, which is not there.")
    with serve(repositories(), MOVED) as hub:
        return subprocess.run(command, env=environment(hub.endpoint, folder), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
