"""A hub on loopback: just enough of its endpoints for huggingface_hub and datasets to read a repository."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes | int]
API = re.compile("/api/(models|datasets)/(.+)/(revision|tree)/([^/]+)")


class Hub:
    """A running server.

    Attributes:
        files: /OWNER/NAME/resolve/REVISION/FILE of a model, /datasets/OWNER/… of a data set → what it holds, or the
            status to answer with instead. Repositories are listed with the files that are here.
        requests: the paths that were asked for.
        gets: those among them that were to be sent, not only looked up.
        endpoint: the address to give the client.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.requests: list[str] = []
        self.gets: list[str] = []
        self.endpoint = ""

    def answer(self, path: str) -> tuple[bytes | int, str]:
        """The body, or the status of a failure, and the commit that was asked for."""
        if not (api := API.fullmatch(path)):
            return self.files.get(path, 404), path.partition("/resolve/")[2].partition("/")[0]
        kind, repo, what, commit = api.groups()
        root = f"{'/datasets' if kind == 'datasets' else ''}/{repo}/resolve/{commit}/"
        held = {name.removeprefix(root): body for name, body in self.files.items() if name.startswith(root)}
        sizes = {name: len(body) for name, body in held.items() if isinstance(body, bytes)}
        tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes.items()]
        return json.dumps(tree if what == "tree" else {"id": repo, "sha": commit}).encode() if held else 404, commit


@contextmanager
def serve(files: Files) -> Iterator[Hub]:
    """Serve `files` until the block ends."""
    hub = Hub(files)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            hub.gets.append(self.path)
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(path)
            body, commit = hub.answer(path)
            if isinstance(body, int):
                status, headers, body = body, {"X-Error-Code": "EntryNotFound"} if body == 404 else {}, b""
            else:
                # the client takes the commit from the header; a full hash in the URL is that commit
                etag = f'"{hashlib.sha256(body).hexdigest()}"'
                status, headers = 200, {"X-Repo-Commit": commit, "ETag": etag}
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep pytest's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
