"""An `arccse` for Snakemake's jobs that is forked from a process with all imports, which take a new one seconds."""

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

from commands import status_of

# What commands import only once they need it; not mteb, which starts threads that a fork lacks (where a file of tests
# has imported it, its tasks are scored all the same).
LAZY = (
    "arccse.evaluation.order",
    "arccse.evaluation.sts",
    "arccse.gathering",
    "arccse.report.build",
    "arccse.report.figures.theory",
    "arccse.runs",
    "fontTools.subset",
    "gensim.models",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "sentence_transformers",
    "transformers.models.bert.modeling_bert",
)
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(said).to_bytes(4, "big")], [1, 2])
    server.sendall(said)
    sys.exit(int(server.recv(4) or b"99"))
"""


@cache
def folder() -> Path:
    """The folder of a command `arccse`, which this process serves until it ends."""
    made = Path(tempfile.mkdtemp(prefix="commands-"))
    address, tests = str(made / "socket"), os.getpid()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    (made / "arccse").write_text(CLIENT.format(python=sys.executable, address=address))
    (made / "arccse").chmod(0o755)
    if os.fork() == 0:
        try:
            serve(listening, tests)
        finally:
            os._exit(0)
    listening.close()
    return made


def serve(listening: socket.socket, tests: int) -> None:
    """Carry out a command for each connection, while the tests' process is there."""
    for name in LAZY:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that have ended
    listening.settimeout(1)
    while os.getppid() == tests:
        with contextlib.suppress(TimeoutError):
            connection, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                carry_out(connection)
            connection.close()


def end_with(connection: socket.socket) -> None:
    """Kill this process once the client is gone, which was killed if the command is still there."""
    connection.recv(1)  # it says nothing more
    os.kill(os.getpid(), signal.SIGKILL)


def carry_out(connection: socket.socket) -> None:
    """In a child: become the command that is asked for, and say with which status it ended."""
    status = 99
    try:
        connection.settimeout(None)
        size, streams, _, _ = socket.recv_fds(connection, 4, 2)
        with connection.makefile("rb") as asked:
            arguments, place, environment = json.loads(asked.read(int.from_bytes(size, "big")))
        threading.Thread(target=end_with, args=(connection,), daemon=True).start()
        os.environ.clear()
        os.environ.update(environment)
        out, err = (os.fdopen(stream, "w") for stream in streams)
        status = status_of(["arccse", *arguments], Path(place), out, err)
        connection.sendall(str(status).encode())
    finally:
        os._exit(status)
