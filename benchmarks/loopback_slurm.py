"""A real SLURM on loopback: two nodes, two made-up GPUs each, accounting on a MariaDB of its own, in one folder.

It belongs to the user who starts it, takes free ports, and ends with the block.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

INSTALL = "apt-get install slurmctld slurmd slurm-client slurmdbd munge mariadb-server"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "slurmdbd", "munged", "mariadbd", "mariadb-install-db")
NODES = ("n1", "n2")
GPUS = ("/dev/zero", "/dev/full")  # files that any machine has stand in for GPUs
PATIENCE = 60  # seconds for a daemon to answer

SLURM = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=20
KillWait=10
MessageTimeout=30
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={database}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} RealMemory={memory} Gres={gpus}"
)

ACCOUNTING = """
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={database}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={storage}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_accounting
"""
GRANTS = """
CREATE DATABASE IF NOT EXISTS slurm_accounting;
CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON slurm_accounting.* TO slurm@'127.0.0.1';
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [program for program in PROGRAMS if found(program) is None]


def found(program: str) -> str | None:
    """Where a program is; the daemons' folder is on no user's PATH."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass
class Cluster:
    """A running SLURM.

    Attributes:
        folder: its files and logs.
        daemons: name → process.
        lost: the nodes whose daemon was killed.
    """

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to submit to it, and to no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "CUDA"))}
        return kept | {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
        }

    def ask(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in the foreground of a session of its own."""
        program = found(command[0])
        assert program
        with (self.folder / f"{name}.out").open("ab") as said:
            self.daemons[name] = subprocess.Popen(
                [program, *command[1:]], env=self.environment, stdout=said, stderr=said, start_new_session=True
            )

    def wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            ended = [name for name, process in self.daemons.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
                said = "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in logs)
                raise RuntimeError(f"no {what} after {PATIENCE} s; ended: {ended}\n{said}")
            time.sleep(0.1)

    def start_node(self, node: str) -> None:
        self.start(f"slurmd-{node}", "slurmd", "-D", "-N", node)

    def restore(self) -> None:
        """End all jobs, start lost nodes again, and wait until every node is idle."""
        self.end_jobs()
        while self.lost:
            self.start_node(self.lost.pop())
        self.wait_for("idle nodes", self.is_idle)

    def end_jobs(self) -> None:
        self.ask("scancel", "-u", getpass.getuser())
        self.wait_for("end of the jobs", lambda: not self.ask("squeue", "-h"))

    def is_idle(self) -> bool:
        return self.ask("sinfo", "-h", "-o", "%T %D").split() == ["idle", str(len(NODES))]

    def stop(self) -> None:
        """End every job, then every daemon, the last one started first."""
        try:
            if "slurmctld" in self.daemons and self.daemons["slurmctld"].poll() is None:
                self.end_jobs()
        finally:
            for process in reversed(self.daemons.values()):
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def slurm(folder: Path) -> Iterator[Cluster]:
    """A SLURM that accepts jobs inside the block."""
    cluster = Cluster(folder)
    values = write_files(folder)
    try:
        begin(cluster, values)
        yield cluster
    finally:
        cluster.stop()


def write_files(folder: Path) -> dict[str, str]:
    """Keys and settings; return what they were made with."""
    controller, database, storage, *ports = map(str, free_ports(3 + len(NODES)))
    cores, memory = os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21
    values = {
        "host": socket.gethostname().partition(".")[0],
        "user": getpass.getuser(),
        "folder": str(folder),
        "controller": controller,
        "database": database,
        "storage": storage,
        "password": secrets.token_hex(8),
    }
    named = dict(zip(NODES, ports, strict=True))
    common = {"host": values["host"], "cores": cores, "memory": memory, "gpus": f"gpu:{len(GPUS)}"}
    nodes = "\n".join(NODE.format(node=node, port=port, **common) for node, port in named.items())
    (folder / "munge").mkdir(mode=0o755, parents=True)
    (folder / "munge" / "key").write_bytes(secrets.token_bytes(128))
    (folder / "munge" / "key").chmod(0o400)
    (folder / "state").mkdir()
    (folder / "bin").mkdir()
    # the plugin starts srun without SLURM_CONF
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {found("srun")} "$@"\n')
    srun.chmod(0o755)
    (folder / "slurm.conf").write_text(SLURM.format(nodes=nodes, **values))
    (folder / "gres.conf").write_text("".join(f"NodeName={n} Name=gpu File={file}\n" for n in NODES for file in GPUS))
    (folder / "slurmdbd.conf").touch(mode=0o600)
    (folder / "slurmdbd.conf").write_text(ACCOUNTING.format(**values))
    (folder / "grants.sql").write_text(GRANTS.format(**values))
    return values


def begin(cluster: Cluster, values: dict[str, str]) -> None:
    """Start the daemons, each once the one before it answers."""
    folder, user = cluster.folder, values["user"]
    munge = folder / "munge"
    paths = [f"--{name}={munge / end}" for name, end in MUNGE.items()]
    cluster.start("munged", "munged", "--foreground", "--force", *paths)
    install = found("mariadb-install-db")
    assert install
    subprocess.run(
        [install, "--no-defaults", f"--datadir={folder}/mysql", f"--user={user}", "--skip-test-db"],
        check=True,
        stdout=(folder / "install.out").open("wb"),
        stderr=subprocess.STDOUT,
    )
    own = [f"--datadir={folder}/mysql", f"--socket={folder}/mysql/socket", f"--pid-file={folder}/mysql/pid"]
    own += [f"--user={user}", "--bind-address=127.0.0.1", f"--port={values['storage']}"]
    own += [f"--init-file={folder}/grants.sql", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"]
    cluster.start("mariadbd", "mariadbd", "--no-defaults", *own)
    cluster.wait_for("database", lambda: answers(int(values["storage"])) and (munge / "socket").exists())
    cluster.start("slurmdbd", "slurmdbd", "-D")
    cluster.wait_for("accounting", lambda: answers(int(values["database"])))
    cluster.start("slurmctld", "slurmctld", "-D", "-c")
    cluster.wait_for("controller", lambda: answers(int(values["controller"])))
    for node in NODES:
        cluster.start_node(node)
    cluster.wait_for(
        "idle nodes", lambda: cluster.ask("sinfo", "-h", "-o", "%T %D").split() == ["idle", str(len(NODES))]
    )


MUNGE = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
