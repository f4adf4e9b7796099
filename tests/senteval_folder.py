"""A SentEval folder of a few small files, for tests of what reads them."""

from pathlib import Path

from arccse.data.sources import Source, open_source


def put(folder: Path, files: dict[str, str | bytes]) -> Source:
    """A SentEval folder with these files below `downstream`."""
    (folder / "downstream").mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / "downstream" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_source(f"senteval:{folder}")
