"""SentEval's archive on the hub: fetched once, held against its manifest, nothing written outside its folder."""

import hashlib
import io
import tarfile
import time

import huggingface_hub.constants
import pytest
from hub_server import serve

from arccse.data import hub as hubs
from arccse.data.sources import STS_TASKS, SentEvalHub, open_source
from arccse.errors import InputError

TAR_PATH = f"/datasets/{hubs.HUB_REPO}/resolve/{hubs.HUB_REVISION}/{hubs.HUB_FILE}"
MR = {"MR/rt-polarity.pos": b"good .\n", "MR/rt-polarity.neg": b"bad .\nawful .\n"}


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "small.sha256"
    rows = [f"{hashlib.sha256(content).hexdigest()}  downstream/{name}\n" for name, content in MR.items()]
    path.write_text("".join(rows))
    return path


def test_hub_downloads_once_lazily_and_keeps_only_what_is_listed(tmp_path, manifest):
    cache = tmp_path / "cache"
    with serve({TAR_PATH: archive({"./SNLI/big": b"x", **MR})}) as hub:
        source = SentEvalHub(cache, manifest, hub.endpoint)
        assert not cache.exists()
        assert hub.gets == []
        assert source.transfer("MR")["all"].first == ["good .", "bad .", "awful ."]
        assert SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")["all"].labels.tolist() == [1, 0, 0]
        assert hub.gets == [TAR_PATH]
    folder = cache / f"senteval-{hubs.HUB_REVISION[:8]}"
    assert list(cache.iterdir()) == [folder]  # neither the archive nor a temporary folder stays
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == {f"downstream/{name}" for name in MR}


@pytest.mark.parametrize("top", ["", "./", "downstream/", "SentEval/data/downstream/"])
def test_the_archive_may_begin_at_any_level(tmp_path, manifest, top):
    """SimCSE's script unpacks it in downstream/; nobody here has seen it."""
    with serve({TAR_PATH: archive({f"{top}{name}": content for name, content in MR.items()})}) as hub:
        assert SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")["all"].first[0] == "good ."


def test_open_source_hub_uses_the_cache_folder_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = open_source("hub")
    assert (source.spec, source.sts_tasks) == ("hub", STS_TASKS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"senteval\.tar .* could not be fetched .* use senteval:FOLDER"):
        source.dev()
    assert list((tmp_path / "arccse").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "links", "message"),
    [
        ({**MR, "MR/rt-polarity.neg": b"bad .\nawful !\n"}, {}, "downstream/MR/rt-polarity.neg has sha256"),
        ({"MR/rt-polarity.pos": b"good .\n"}, {}, "downstream/MR/rt-polarity.neg is missing in senteval.tar"),
        ({}, {"MR/rt-polarity.pos": "/etc/passwd"}, r"senteval\.tar .* cannot be unpacked"),
        ({}, {"MR/rt-polarity.pos": "../../../../outside"}, r"senteval\.tar .* cannot be unpacked"),
    ],
)
def test_tampered_archive(tmp_path, manifest, files, links, message):
    with (
        serve({TAR_PATH: archive(files, links)}) as hub,
        pytest.raises(InputError, match=message),
    ):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    assert list((tmp_path / "cache").iterdir()) == []


def test_members_that_leave_the_folder_are_never_written(tmp_path, manifest):
    before = set(tmp_path.parent.iterdir())
    evil = {"../../../evil": b"1", "MR/../../../evil": b"2", str(tmp_path / "evil"): b"3"}
    with serve({TAR_PATH: archive({**evil, **MR})}) as hub:
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    assert list(tmp_path.rglob("evil")) == []
    assert set(tmp_path.parent.iterdir()) == before


def test_archive_cut_short(tmp_path, manifest):
    whole = archive(MR)
    with (
        serve({TAR_PATH: whole[:700]}) as hub,
        pytest.raises(InputError, match=r"senteval\.tar .* cannot be unpacked|is missing in senteval\.tar"),
    ):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")


def test_cache_that_was_changed_later(tmp_path, manifest):
    cache = tmp_path / "cache"
    with serve({TAR_PATH: archive(MR)}) as hub:
        SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")
        changed = cache / f"senteval-{hubs.HUB_REVISION[:8]}" / "downstream" / "MR" / "rt-polarity.pos"
        changed.write_bytes(b"great .\n")
        with pytest.raises(InputError, match=r"rt-polarity\.pos has sha256 .* delete .* to fetch it again"):
            SentEvalHub(cache, manifest, hub.endpoint).transfer("MR")


def test_hub_without_the_file_or_out_of_reach(tmp_path, manifest, monkeypatch):
    with serve({}) as hub, pytest.raises(InputError, match=r"could not be fetched .*404"):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits 23 s between its six attempts
    with pytest.raises(InputError, match=f"{hubs.HUB_REVISION} could not be fetched .*refused"):
        SentEvalHub(tmp_path / "cache", manifest, hub.endpoint).transfer("MR")


def test_cache_that_cannot_be_created(tmp_path, manifest):
    with pytest.raises(InputError, match=r"cannot create the cache folder .*small\.sha256/cache"):
        SentEvalHub(manifest / "cache", manifest, "http://127.0.0.1:9").transfer("MR")
