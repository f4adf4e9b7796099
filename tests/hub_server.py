"""A model hub on loopback: just enough of the "resolve" endpoint for huggingface_hub to download a file."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """`files` maps paths (/datasets/OWNER/NAME/resolve/REVISION/FILE) to bytes, `gets` lists downloads."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.gets: list[str] = []
        self.endpoint = ""


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve `files` until the block ends; the yielded hub's `endpoint` is the address to give the client."""
    hub = Hub(files)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            hub.gets.append(self.path)
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            body = hub.files.get(self.path)
            self.send_response(404 if body is None else 200)
            if body is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            else:
                # the client takes the commit from the header; a full hash in the URL is that commit
                self.send_header("X-Repo-Commit", self.path.split("/resolve/")[1].split("/")[0])
                self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if with_body and body:
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
