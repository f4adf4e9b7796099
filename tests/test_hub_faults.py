"""What a hub can do to a download: each fault is one sentence that says what to do, and costs nothing that was there.

The client is the real one. Its waits between attempts pass at once; with a slow hub it has a third of a second's
patience.
"""

import io
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants as constants
import huggingface_hub.file_download
import pytest
from hub_server import Fault, Hub, serve, sha256, turned_to

from arccse import hub as hubs
from arccse.data import corpus
from arccse.data import hub as senteval
from arccse.errors import InputError
from arccse.models import resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SENTENCES = b"".join(b"sentence %d .\n" % n for n in range(500))
MANIFEST = {"downstream/MR/rt-polarity.pos": SENTENCES}
ALWAYS: list[Fault] = ["missing", "absent", "gone", "gated", "private", "limited", "down", "cut", "slow", "garbage"]
PASSING: list[Fault] = ["limited", "down", "cut", "slow"]
PATIENCE = 0.3  # seconds
# What a sentence says to do, by fault, whichever file it is.
REMEDY = {
    "missing": "Look at its name, or give a token",
    "absent": "Look at its name and revision",
    "gone": "Name one that the hub has",
    "gated": "Ask on its page of the hub, then give a token",
    "private": "Look at its name, or give a token",
    "limited": "Give the same command again in some minutes, or give a token",
    "down": "Give the same command again later",
    "cut": "Give the same command again",
    "slow": "or allow more in HF_HUB_DOWNLOAD_TIMEOUT",
    "garbage": "Look at HF_ENDPOINT",
}


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("MR/rt-polarity.pos")
        member.size = len(SENTENCES)
        tar.addfile(member, io.BytesIO(SENTENCES))
    return buffer.getvalue()


@pytest.fixture
def hub(tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {
        f"/tiny/bert/resolve/{COMMIT}/{path.name}": path.read_bytes() for path in (tiny_models / "bert").iterdir()
    }
    simcse = f"/datasets/{senteval.HUB_REPO}/resolve/{senteval.HUB_REVISION}"
    files |= {f"{simcse}/wiki1m_for_simcse.txt": SENTENCES, f"{simcse}/{senteval.HUB_FILE}": archive()}
    files |= {
        f"/datasets/mteb/sts13-sts/resolve/{COMMIT}/{name}": SENTENCES for name in ("README.md", "test.jsonl.gz")
    }
    with serve(files) as running, turned_to(running, tmp_path / "cache"):
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        yield running


@pytest.fixture
def impatient(hub: Hub, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    if fault == "slow":
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", PATIENCE)
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", PATIENCE)
        monkeypatch.setattr(huggingface_hub.file_download, "_ETAG_RETRY_TIMEOUT", PATIENCE)
        hub.patience = 1.5 * PATIENCE


def model(_: Path) -> dict[str, bytes]:
    return contents(resolve("tiny/bert", COMMIT))


def data_set(_: Path) -> dict[str, bytes]:
    return contents(hubs.snapshot("mteb/sts13-sts", COMMIT, "dataset"))


def training_corpus(_: Path) -> dict[str, bytes]:
    spec = f"hub:{senteval.HUB_REPO}/wiki1m_for_simcse.txt@{senteval.HUB_REVISION}"
    return {"sentences": "\n".join(corpus.sentences(spec)).encode()}


def senteval_tar(folder: Path) -> dict[str, bytes]:
    manifest = folder / "small.sha256"
    manifest.write_text("".join(f"{sha256(content)}  {name}\n" for name, content in MANIFEST.items()))
    return contents(senteval.hub_folder(folder / "unpacked", manifest, constants.ENDPOINT))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


Fetch = Callable[[Path], dict[str, bytes]]
FETCHES: list[Fetch] = [model, data_set, training_corpus, senteval_tar]
FILES, LISTINGS = re.compile("/resolve/"), re.compile("^/api/")
PLACES = [(fetch, FILES) for fetch in FETCHES] + [(fetch, LISTINGS) for fetch in (model, data_set)]
# A listing is no entry, and a cut one is garbage; a file of another content is damaged, below.
IMPOSSIBLE = {("absent", LISTINGS), ("cut", LISTINGS), ("garbage", FILES)}


def cases(faults: list[Fault]) -> list[tuple[Fetch, re.Pattern[str], Fault]]:
    return [(*place, fault) for place in PLACES for fault in faults if (fault, place[1]) not in IMPOSSIBLE]


def refusal(fetch: Fetch, folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        fetch(folder)
    return str(refused.value)


def test_a_name_that_none_can_have(hub: Hub, tmp_path: Path) -> None:
    said = refusal(lambda _: contents(resolve("a..b", COMMIT)), tmp_path)
    assert said.startswith("Model 'a..b' ")
    assert said.endswith(" Look at its name.")


def partial(folder: Path) -> list[Path]:
    """What a download that ended has left of a file, and what an archive that did not come has left unpacked."""
    left = [*folder.rglob("*.incomplete")]
    unpacked = folder / "unpacked"
    return left + (list(unpacked.iterdir()) if unpacked.exists() else [])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("fetch", "where", "fault"), cases(ALWAYS))
def test_a_fault_is_one_sentence_and_gone_when_it_is_over(
    hub: Hub, tmp_path: Path, fetch: Fetch, where: re.Pattern[str], fault: Fault
) -> None:
    hub.fault, hub.faulty = fault, where
    said = refusal(fetch, tmp_path)
    assert re.fullmatch(r"[^\n]+ could not be fetched \([^\n]+\)\. [^\n]+\.", said), said
    assert REMEDY[fault] in said, said
    assert re.search(r"tiny/bert|sts13-sts|wiki1m|senteval.tar", said), said
    assert partial(tmp_path) == []
    hub.fault = None
    whole = fetch(tmp_path)
    hub.fault, hub.faulty = fault, re.compile("")
    assert fetch(tmp_path) == whole  # what is there is not asked for again


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("fetch", "where", "fault"), cases(PASSING))
def test_a_fault_that_passes_is_not_noticed(
    hub: Hub, tmp_path: Path, fetch: Fetch, where: re.Pattern[str], fault: Fault
) -> None:
    hub.fault, hub.faulty, hub.times = fault, where, 1
    whole = fetch(tmp_path)
    assert hub.times == 0
    assert fetch(tmp_path) == whole
    assert not list(tmp_path.rglob("*.incomplete"))


@pytest.mark.parametrize("fetch", [model, data_set, training_corpus])
def test_a_file_of_another_content_is_named_until_it_is_deleted(hub: Hub, tmp_path: Path, fetch: Fetch) -> None:
    hub.fault, hub.faulty = "damaged", re.compile("model.safetensors|gz|wiki1m")
    said = refusal(fetch, tmp_path)
    hub.fault = None
    assert refusal(fetch, tmp_path) == said
    (blob,) = re.findall(r"Delete (\S+) and give the same command again", said)
    assert re.search(r"(model.safetensors|test.jsonl.gz|wiki1m_for_simcse.txt) in \S+ is damaged", said)
    Path(blob).unlink()
    assert fetch(tmp_path)


def test_an_archive_of_another_content_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.fault, hub.faulty = "damaged", re.compile("senteval.tar")
    said = refusal(senteval_tar, tmp_path)
    assert re.fullmatch(r"\S+ has sha256 .*, in senteval.tar of \S+; give the same command again\.", said)
    assert partial(tmp_path) == []
    hub.fault = None
    assert senteval_tar(tmp_path) == MANIFEST


def test_a_file_that_caches_share_has_another_name_there(hub: Hub, tmp_path: Path) -> None:
    """As the hub's library links files that it has in a store for several caches."""
    whole = model(tmp_path)
    (blob,) = (tmp_path / "cache").rglob(sha256(whole["model.safetensors"]))
    shared = blob.rename(tmp_path / ("f" * 64))
    blob.symlink_to(shared)
    assert model(tmp_path) == whole
    spoilt = bytearray(shared.read_bytes())
    spoilt[-1] ^= 1
    shared.write_bytes(spoilt)
    assert f"Delete {shared} and" in refusal(model, tmp_path)
    shared.unlink()
    assert model(tmp_path) == whole


@pytest.mark.parametrize("fetch", [model, data_set])
def test_a_part_is_not_taken_for_the_whole_without_the_hub(
    hub: Hub, tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.fault, hub.faulty = "cut", re.compile("tokenizer.json|README")
    refusal(fetch, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "nothing or only a part of it). Where there is a network, `arccse fetch" in refusal(fetch, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.fault = None
    whole = fetch(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(tmp_path) == whole


@pytest.mark.parametrize("fetch", FETCHES)
def test_without_the_hub_what_was_fetched_is_enough(
    hub: Hub, tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal(fetch, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    whole = fetch(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = list(hub.requests)
    assert fetch(tmp_path) == whole
    assert hub.requests == asked
