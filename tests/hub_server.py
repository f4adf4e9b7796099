"""A hub on loopback: what huggingface_hub and datasets ask of one, and the ways in which one can fail them.

Large files go another way than small ones, as on the hub: the answer to their address is a redirect to another host,
which sends them, and the headers that say what they are stand with the redirect. A repository may have moved, as
bert-base-uncased has; then its old name redirects to the new one.
"""

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

Files = Mapping[str, bytes | int]
API = re.compile("/api/(models|datasets)/(.+?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.+))?)?")
RESOLVE = re.compile("/(datasets/)?(.+?)/resolve/([^/]+)/(.+)")
LARGE = (".safetensors", ".tar", ".gz", "wiki1m_for_simcse.txt")
SIZE_OF_LARGE = 10_000_000  # bytes from which any file is one, as in a repository's .gitattributes

Fault = Literal[
    "missing", "absent", "gone", "gated", "private", "limited", "down", "cut", "slow", "damaged", "garbage"
]
REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "missing": (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}),
    "absent": (404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}),
    "gone": (404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"}),
    "gated": (401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to it is restricted. Please log in."}),
    "private": (403, {"X-Error-Message": "Forbidden"}),
    "limited": (429, {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}),
    "down": (503, {}),
}


class Answer(NamedTuple):
    """A status, headers, and the body, of which a HEAD gets the length alone."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class Hub:
    """A running server.

    Attributes:
        files: /OWNER/NAME/resolve/REVISION/FILE of a model, /datasets/OWNER/… of a data set → what it holds, or the
            status to answer with instead. Repositories are listed with the files that are here.
        moved: old name of a repository → its name now.
        requests: the paths that were asked for.
        gets: those among them that were to be sent, not only looked up.
        endpoint: the address to give the client.
        fault: what is wrong with the answers to paths in which `faulty` is found, the first `times` of them.
        patience: seconds that a slow hub takes to answer.
    """

    def __init__(self, files: Files, moved: Mapping[str, str]) -> None:
        self.files = files
        self.moved = moved
        self.requests: list[str] = []
        self.gets: list[str] = []
        self.endpoint = ""
        self.fault: Fault | None = None
        self.faulty = re.compile("")
        self.times = sys.maxsize
        self.patience = 0.0
        self.large = {sha256(body): name for name, body in files.items() if is_large(name, body)}

    @property
    def storage(self) -> str:
        """The address of the host that sends large files: another name for the same one."""
        return self.endpoint.replace("127.0.0.1", "localhost")

    def fails(self, path: str) -> Fault | None:
        """What is wrong with the answer to a path, which is then answered."""
        if self.fault is None or self.times <= 0 or not self.faulty.search(path):
            return None
        self.times -= 1
        return self.fault

    def file(self, path: str) -> str:
        """The file that a path sends, which for a large one is a path of another host."""
        return self.large.get(path.removeprefix("/storage/"), path)

    def answer(self, path: str, asked: dict[str, list[str]]) -> Answer:
        """What the hub has to say to a path, and to a form or query."""
        if path.startswith("/storage/"):
            body = self.files[self.file(path)]
            return Answer(200, {"ETag": quoted(sha256(body))}, body)
        if api := API.fullmatch(path):
            kind, repo, what, commit, inside = api.groups()
            if now := self.moved.get(repo):
                return Answer(307, {"Location": path.replace(f"/{repo}", f"/{now}", 1)})
            return self.listed(kind, repo, what, commit or "main", inside, asked)
        if resolved := RESOLVE.fullmatch(path):
            _, repo, commit, _ = resolved.groups()
            if now := self.moved.get(repo):
                return Answer(307, {"Location": quote(path.replace(f"/{repo}/", f"/{now}/", 1))})
            return self.resolved(path, commit)
        return Answer(404)

    def resolved(self, path: str, commit: str) -> Answer:
        body = self.files.get(path, 404)
        if isinstance(body, int):
            return Answer(*REFUSALS["absent"]) if body == 404 else Answer(body)
        headers = {"X-Repo-Commit": commit}  # a full hash in the address is that commit
        if is_large(path, body):
            linked = {"X-Linked-Etag": quoted(sha256(body)), "X-Linked-Size": str(len(body))}
            return Answer(302, headers | linked | {"Location": f"{self.storage}/storage/{sha256(body)}"})
        return Answer(200, headers | {"ETag": quoted(git_sha1(body))}, body)

    def listed(
        self, kind: str, repo: str, what: str | None, commit: str, inside: str | None, asked: dict[str, list[str]]
    ) -> Answer:
        root = f"{'/datasets' if kind == 'datasets' else ''}/{repo}/resolve/{commit}/"
        held = {name.removeprefix(root): body for name, body in self.files.items() if name.startswith(root)}
        whole = {name: body for name, body in held.items() if isinstance(body, bytes)}
        if not held:
            known = any(f"{name}/".startswith(root.partition("/resolve/")[0] + "/") for name in self.files)
            return Answer(*REFUSALS["gone" if known else "missing"])
        if what == "paths-info":
            found = [entry(name, body) for name, body in whole.items() if name in asked.get("paths", [])]
        elif what == "tree":
            under = f"{inside}/" if inside else ""
            found = [entry(name, body) for name, body in whole.items() if name.startswith(under)]
            if asked.get("recursive", ["false"])[0].lower() != "true":
                found = direct(found, under)
        else:
            return json_answer(
                {"id": repo, "sha": commit, "private": False, "siblings": [{"rfilename": name} for name in whole]}
            )
        return json_answer(found)


def entry(name: str, body: bytes) -> dict[str, object]:
    """A file as the hub lists it."""
    known: dict[str, object] = {"type": "file", "path": name, "size": len(body), "oid": git_sha1(body)}
    if is_large(name, body):
        known["lfs"] = {"oid": sha256(body), "size": len(body), "pointerSize": 130}
    return known


def direct(entries: list[dict[str, object]], under: str) -> list[dict[str, object]]:
    """The files right in a folder, and the folders there."""
    found: dict[str, dict[str, object]] = {}
    for one in entries:
        first, slash, _ = str(one["path"]).removeprefix(under).partition("/")
        path = under + first
        found[path] = {"type": "directory", "path": path, "size": 0, "oid": 40 * "0"} if slash else one
    return list(found.values())


def is_large(name: str, body: bytes | int) -> bool:
    return isinstance(body, bytes) and (name.endswith(LARGE) or len(body) >= SIZE_OF_LARGE)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def git_sha1(body: bytes) -> str:
    """What git calls a file's content, which is the hub's ETag of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def quoted(digest: str) -> str:
    return f'"{digest}"'


def json_answer(content: object) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())


def part(answer: Answer, headers: Message) -> Answer:
    """The part of a body that a request's Range asks for."""
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range") or "")
    if answer.status != 200 or not wanted:
        return answer
    start, last = int(wanted[1]), int(wanted[2] or len(answer.body) - 1)
    said = {"Content-Range": f"bytes {start}-{last}/{len(answer.body)}"}
    return Answer(206, {**answer.headers, **said}, answer.body[start : last + 1])


class Server(ThreadingHTTPServer):
    """One that a client may leave in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serve(files: Files, moved: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Hub]:
    """Serve `files` until the block ends."""
    hub = Hub(files, moved or {})

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.reply(with_body=False)

        def do_GET(self) -> None:
            hub.gets.append(hub.file(unquote(urlsplit(self.path).path)))
            self.reply(with_body=True)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(with_body=True, form=parse_qs(form.decode()))

        def reply(self, with_body: bool, form: dict[str, list[str]] | None = None) -> None:
            address = urlsplit(self.path)
            path = unquote(address.path)
            hub.requests.append(path)
            answer = part(hub.answer(path, form or parse_qs(address.query)), self.headers)
            fault = hub.fails(hub.file(path))
            if fault in REFUSALS:
                answer = Answer(*REFUSALS[fault])
            elif fault == "slow":
                threading.Event().wait(hub.patience)  # tests let time.sleep pass
            elif fault == "garbage":
                answer = answer._replace(body=b"<html>a proxy's page</html>") if answer.body else answer
            elif fault == "damaged" and answer.body:
                middle = len(answer.body) // 2
                spoilt = bytes([answer.body[middle] ^ 1])
                answer = answer._replace(body=answer.body[:middle] + spoilt + answer.body[middle + 1 :])
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(answer.body[: len(answer.body) // 2] if fault == "cut" else answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep pytest's output quiet."""

    server = Server(("127.0.0.1", port), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def turned_to(hub: Hub, cache: Path) -> Iterator[None]:
    """This process's hub is `hub`, and what it fetches there is kept in `cache`, until the block ends."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", hub.endpoint)
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield
