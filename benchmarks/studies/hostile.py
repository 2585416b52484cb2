"""Hostile files, interrupts and kills: counts by kind of what was lost, silent, or ended in a traceback.

Writes benchmarks/results/hostile.md. Run: ``python benchmarks/studies/hostile.py [--files 2000]
[--interrupts 200] [--kills 200] [--seed 1] [--keep FOLDER]``. What is attacked is found by looking at the
commands, as in `tests/hostile`; `--keep` holds the counts of parts that were done, and a later call goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HOME = Path(__file__).parents[2]
sys.path.insert(0, str(HOME / "tests" / "hostile"))
RESULTS = HOME / "benchmarks" / "results" / "hostile.md"
Counts = dict[str, Counter[str]]
SEALED = {"w2", "l2", "run", "result", "study-a", "study-b", "p.json"}
COSTLY = {("bench",), ("world",), ("demo",)}
"""Commands that work for minutes where a damage leaves a valid file: these meet junk alone."""
SLOW = {("evaluate",), ("run",), ("tune",), ("link",), ("embed",), ("fit",), ("queue",)}
"""Commands that work for seconds then: without a seal, one file in eight is a damaged copy."""


# -- hostile files ----------------------------------------------------------------------------------


class Captured:
    """What a command says, as `attack.attack_command` asks for it."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()

    def readouterr(self) -> Any:
        """Give what was said since the last call."""
        said = argparse.Namespace(out=self.out.getvalue(), err=self.err.getvalue())
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return said


def attacked(door: Any, hostile: Path, home: Path, place: Path, captured: Captured) -> str:
    """Run a door with a hostile path; say how it ended."""
    from attack import attack_command

    with contextlib.redirect_stdout(captured.out), contextlib.redirect_stderr(captured.err):
        try:
            code = attack_command(door, str(hostile), home, place / "out", captured)
        except AssertionError as fault:
            print(f"{door}, {hostile.name}: {str(fault)[:600]}", file=sys.__stderr__, flush=True)
            return "fault"
    return {0: "answered", 1: "a verdict", 2: "refused"}[code]


def hostile_files(home: Path, number: int, seed: int) -> Counts:
    """Attack every door in turn, with a damaged copy of what belongs there or with junk; count by kind."""
    from corpus import damaged, junk, same
    from doors import command_doors
    from seeds import seed_for

    doors, bytes_of = command_doors(), junk()
    kinds = sorted(bytes_of)
    found: Counts = {}
    captured = Captured()
    for at in range(number):
        door, rng = doors[at % len(doors)], random.Random(f"{seed} {at}")
        whole = seed_for(home, door.words, door.name)
        with tempfile.TemporaryDirectory() as name:
            hostile = Path(name) / f"hostile{whole.suffix}"
            round_, sealed = at // len(doors), whole.name in SEALED
            slow = door.words in SLOW and not sealed and round_ % 8
            if door.words in COSTLY or slow or round_ % 4 == 3:
                what = rng.choice(kinds)
                hostile.write_bytes(bytes_of[what])
                kind, unnoticed = "bytes that no program wrote", False
            else:
                what = damaged(whole, hostile, rng).rpartition(" ")[2]
                changed = not same(whole, hostile)
                unnoticed = sealed and changed
                kind = f"{'under a seal' if sealed else 'without a seal'}: {NAMES[what]}"
                if not changed:
                    kind = "damage that changed no byte"
            ending = attacked(door, hostile, home, Path(name), captured)
        if unnoticed and ending != "refused":
            print(f"{door}: {what} was not noticed", file=sys.__stderr__, flush=True)
            ending = "silent"
        found.setdefault(kind, Counter())[ending] += 1
        if at % 100 == 99:
            print(f"{at + 1} files, {time.process_time():.0f} s", file=sys.__stderr__, flush=True)
    return found


NAMES = {
    "cut": "cut short",
    "flipped": "bits flipped",
    "swapped": "blocks exchanged",
    "doubled": "a part doubled",
    "lost": "a file lost",
    "link": "a file made a link",
    "other's": "a file of another's content",
}


# -- interrupts in memory ---------------------------------------------------------------------------


def unit(rng: np.random.Generator, count: int, dimension: int = 32) -> np.ndarray:
    rows = rng.standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def change_of(
    what: str, held: dict[int, bytes], fresh: int, rng: np.random.Generator
) -> tuple[Any, Any, Any]:
    """Give ids and templates of a change, and what a plain dictionary holds after it."""
    after = dict(held)
    if what == "enrol":
        ids, rows = np.arange(fresh, fresh + 400), unit(rng, 400)
        after |= {int(i): row.tobytes() for i, row in zip(ids, rows, strict=True)}
        return ids, rows, after
    ids = (
        rng.permutation(np.array(sorted(held)))[:200]
        if what in ("retire", "erase")
        else np.empty(0, np.int64)
    )
    for i in ids.tolist():
        del after[i]
    return ids, None, after


def rung(work: Callable[[], Any], after: float) -> bool:
    """Do work that a signal interrupts after so many seconds; say whether it did."""
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return True
    return False


def right(gallery: Any, held: dict[int, bytes], rng: np.random.Generator) -> bool:
    """Say whether the gallery answers as the dictionary does: who is there, and who is nearest to whom."""
    ids = np.array(sorted(held))
    asked = rng.permutation(ids)[:20]
    probes = np.array([np.frombuffer(held[int(i)], np.float32) for i in asked])
    found = gallery.identify(probes, 1)
    return len(gallery) == len(ids) and found.reference_id[:, 0].tolist() == asked.tolist()


def interrupts(number: int, seed: int) -> Counts:
    """Interrupt changes by a signal at random moments, until so many were hit; count the states."""
    from biomatch.gallery import Gallery

    def bell(*_: object) -> None:
        raise KeyboardInterrupt

    rng, found, hit = np.random.default_rng(seed), {}, 0
    before = signal.signal(signal.SIGALRM, bell)
    kinds = ("flat", "compressed", "auto", "flat, in a folder")
    training = unit(rng, 8192)
    with tempfile.TemporaryDirectory() as name:
        for round_ in range(10_000):
            if hit >= number:
                break
            kind = kinds[round_ % len(kinds)]
            more = {"training": training} if kind == "compressed" else {}
            path = Path(name) / str(round_) if "folder" in kind else None
            gallery = Gallery(32, kind.split(",")[0], path, 0.9, 2, **more)
            rows = unit(rng, 3000)
            gallery.enrol(np.arange(3000), rows)
            held = {i: row.tobytes() for i, row in enumerate(rows)}
            for step, what in enumerate(("enrol", "retire", "erase", "compact", "save")):
                ids, templates, after = change_of(what, held, 10_000 * (step + 1), rng)
                calls: dict[str, Callable[[], Any]] = {
                    "enrol": functools.partial(gallery.enrol, ids, templates),
                    "compact": gallery.compact,
                    "save": functools.partial(gallery.save, Path(name) / f"copy{round_}"),
                }
                work = calls.get(what) or functools.partial(getattr(gallery, what), ids)
                if rung(work, float(rng.uniform(2e-5, 4e-3 if path is None and what != "save" else 2e-2))):
                    hit += 1
                    state = (
                        "after"
                        if right(gallery, after, rng)
                        else "before"
                        if right(gallery, held, rng)
                        else "lost"
                    )
                    found.setdefault(f"{what}, {kind}", Counter())[state] += 1
                    held = after if state == "after" else held
                else:
                    held = after
            gallery.close()
    signal.signal(signal.SIGALRM, before)
    return found


# -- the page ---------------------------------------------------------------------------------------


def table(head: str, columns: list[str], counts: Counts) -> Iterator[str]:
    yield f"| {head} | {' | '.join(columns)} | all |"
    yield "|---|" + "---:|" * (len(columns) + 1)
    for kind in sorted(counts):
        cells = [counts[kind].get(one, 0) for one in columns]
        yield f"| {kind} | {' | '.join(map(str, cells))} | {sum(counts[kind].values())} |"
    total = Counter[str]()
    for one in counts.values():
        total.update(one)
    yield f"| **all** | {' | '.join(str(total.get(one, 0)) for one in columns)} | {sum(total.values())} |"


HEAD_FILES = """# Hostile files, interrupts and kills

## Generated hostile files

Every parameter of every command that reads a file, in turn, got a damaged copy of what belongs there, or
bytes that no program wrote. *Refused*: exit code 2, one line, no output left. *Answered*: exit code 0;
without a seal a damage often leaves a valid file of another content. *A verdict*: exit code 1, a claim
that failed. *Silent*: a change of a sealed artefact that was not noticed. *Fault*: a traceback, another
exit code, an output half left, or no answer within 180 seconds.
"""
HEAD_INTERRUPTS = """
## Interrupts in memory

A signal raised `KeyboardInterrupt` at a random moment of a change of a gallery of 3,000 references. Then
the gallery was asked how many are there and who is nearest to 20 of them, and compared with a plain
dictionary. (Compacting and saving change no answer: their states before and after are one.)
"""
HEAD_KILLS = """
## Kills

SIGKILL at a random moment of every command that writes with `--out`, half of them over an older output
of the same question; then the same command again. *Whole*: an output (the older or the new one) stood
there, or had been put aside and came back. *Nothing yet*: there was no older one, and no new one was
whole. *Too late*: the command had ended. *Lost*: an older output was gone, the second call failed, its
output had other files than the undisturbed one, or something half-written was left beside it.
"""


def page(parts: dict[str, Counts], seed: int) -> str:
    """Write the page of all counts."""
    return "\n".join(
        [
            HEAD_FILES,
            *table("kind", ["refused", "answered", "a verdict", "silent", "fault"], parts["files"]),
            HEAD_INTERRUPTS,
            *table("change, gallery", ["before", "after", "lost"], parts["interrupts"]),
            HEAD_KILLS,
            *table("command", ["whole", "nothing yet", "too late", "lost"], parts["kills"]),
            "",
            f"Made by `python benchmarks/studies/hostile.py --seed {seed}`.",
            "",
        ]
    )


parser = argparse.ArgumentParser()
parser.add_argument("--files", type=int, default=2000)
parser.add_argument("--interrupts", type=int, default=200)
parser.add_argument("--kills", type=int, default=200)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--keep", type=Path, help="folder for the counts of parts that were done")
parser.add_argument("--seconds", type=float, default=1e6, help="of the kills; --keep holds what was done")
parser.add_argument("--part", choices=("files", "interrupts", "kills"), help="only this part, into --keep")

if __name__ == "__main__":
    given = parser.parse_args()
    from artefacts import make
    from hostile_kills import kills, more_seeds

    from biomatch import cli
    from biomatch.files import opened

    keep = given.keep or Path(tempfile.mkdtemp(prefix="hostile-"))
    keep.mkdir(parents=True, exist_ok=True)
    home = keep / "seeds"
    if not (home / "retention.csv").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            make(home)
        more_seeds(home)
    opened.PIPE_SECONDS = 0.05
    cli.build = functools.cache(cli.build)
    work: dict[str, Callable[[], Counts]] = {
        "interrupts": lambda: interrupts(given.interrupts, given.seed),
        "files": lambda: hostile_files(home, given.files, given.seed),
    }
    for name, do in work.items():
        file = keep / f"{name}.json"
        if not file.exists() and given.part in (None, name):
            file.write_text(json.dumps(do()))
    whole = given.part in (None, "kills") and kills(home, given.kills, given.seed, given.seconds)
    done = {name: keep / f"{name}.json" for name in (*work, "kills")}
    if whole and all(file.exists() for file in done.values()):
        counts = {name: json.loads(file.read_text()) for name, file in done.items()}
        RESULTS.write_text(
            page({k: {a: Counter(b) for a, b in v.items()} for k, v in counts.items()}, given.seed)
        )
        print(RESULTS.read_text())
