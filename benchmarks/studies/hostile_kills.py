"""Commands that write, killed at random moments: a part of `hostile.py`, which writes the page."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

TABLES = ("review-sample", "review", "scores", "stays us", "stays eu", "stays retention")
SUFFIX = {
    "tune": ".json",
    "report": ".html",
    "fit": ".toml",
    "embed": ".npz",
    **dict.fromkeys(TABLES, ".csv"),
}
LONG = {"demo": 12, "bench": 6, "evaluate": 4, "run": 4, "report": 4}
"""Commands that take long have their turn in two rounds of so many: one with an older output, one without."""


def commands_that_write(home: Path) -> dict[str, list[str]]:
    """Give a call of every command that takes ``--out``; one that this table lacks is an error."""
    from doors import commands

    made = {
        "demo": ["--scenario", "tiny", "--set", "travellers=100"],
        "world": ["tiny", "--seed", "3", "--set", "travellers=150"],
        "search": ["w2"],
        "tune": ["l1", "w1", "--max-fpir", "0.3"],
        "run": ["w2", "--at", "p.json", "--lists", "l2"],
        "evaluate": ["run", "w2"],
        "report": ["result"],
        "review": ["result"],
        "bench": ["study.toml"],
        "scores": ["scores.csv", "--max-fmr", "0.1"],
        "link": ["records.csv", "--on", "2024-06-01"],
        "review-sample": ["linked", "--pairs", "2"],
        "queue": ["hall", "--replications", "3"],
        "fit": ["--mated", "mated.npy", "--non-mated", "non_mated.npy"],
        "identify": ["references.npz", "probes.npz"],
        "embed": ["faces.onnx", "images.npy"],
        "stays us": ["us.csv", "--on", "2024-06-01"],
        "stays eu": ["eu.csv", "--on", "2024-06-01"],
        "stays retention": ["retention.csv"],
    }
    wanted = {
        " ".join(words) for words, given in commands().items() if any(one.name == "out" for one in given)
    }
    if wanted - set(made):
        raise SystemExit(f"no call is known of {sorted(wanted - set(made))}")
    here = {one.name for one in home.iterdir()}
    return {
        name: [*name.split(), *(str(home / word) if word in here else word for word in words)]
        for name, words in made.items()
        if name in wanted
    }


def called(words: list[str], said: str) -> None:
    """Run a command in this process, its output into a file; leave with its exit code."""
    from biomatch import cli

    with Path(said).open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        code = cli.run(words)
    os._exit(code)


def names_in(place: Path) -> list[str]:
    if place.is_file():
        return [place.name]
    return sorted(str(one.relative_to(place)) for one in place.rglob("*") if one.is_file())


def undisturbed(context: Any, calls: dict[str, list[str]], whole: Path) -> dict[str, tuple[float, list[str]]]:
    """Run every command once, unless that was done; give its seconds and the names of its output's files."""
    times = whole / "seconds.json"
    if not times.exists():
        shutil.rmtree(whole, ignore_errors=True)
        seconds = {}
        for name, words in calls.items():
            place = whole / name / f"out{SUFFIX.get(name, '')}"
            place.parent.mkdir(parents=True)
            began, said = time.perf_counter(), str(whole / "said.txt")
            process = context.Process(target=called, args=([*words, "--out", str(place)], said))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{words} ended with {process.exitcode}: {Path(said).read_text()[-500:]}")
            seconds[name] = time.perf_counter() - began
        times.write_text(json.dumps(seconds))
    return {
        name: (seconds, names_in(whole / name / f"out{SUFFIX.get(name, '')}"))
        for name, seconds in json.loads(times.read_text()).items()
    }


def killed_once(
    context: Any, words: list[str], took: float, whole: list[str], older: Path, place: Path, over: bool
) -> str:
    """Kill a command after a part of its time, over an older output or not; give the ending."""
    said = str(place.parent.with_name("said.txt"))
    place.parent.mkdir()
    if over:
        (shutil.copytree if older.is_dir() else shutil.copy)(older, place)
    process = context.Process(target=called, args=(words, said))
    process.start()
    process.join(took)
    process.kill()
    process.join()
    aside = list(place.parent.glob(f".{place.name}.old-*"))
    # A study keeps every run that it finished, so its folder stands there from the beginning.
    stood = place.exists() and (words[0] == "bench" or names_in(place) == whole)
    again = context.Process(target=called, args=(words, said))
    again.start()
    again.join()
    left = [one.name for one in place.parent.iterdir() if one.name != place.name]
    if again.exitcode or names_in(place) != whole or left or (over and not stood and not aside):
        print(
            f"{words}: {again.exitcode} {left} {Path(said).read_text()[-400:]}", file=sys.stderr, flush=True
        )
        return "lost"
    if process.exitcode != -signal.SIGKILL:
        return "too late"
    return "whole" if stood or aside else "nothing yet"


def kills(home: Path, number: int, seed: int, seconds: float) -> bool:
    """Kill commands at random moments, half of them over an older output; then give the same command again.

    An older output that was moved aside is lost only if the next command does not put it back or replace it.
    Counts are kept beside `home`, so that a later call goes on; says whether all were done within `seconds`.
    """
    began = time.perf_counter()
    context = multiprocessing.get_context("forkserver")
    preload = ["biomatch.cli", "polars", "biomatch.system.replay", "biomatch.evaluation.judge"]
    context.set_forkserver_preload(preload)
    calls, whole = commands_that_write(home), home.parent / "whole"
    reference = undisturbed(context, calls, whole)
    turns = [
        (round_, name)
        for round_ in range(number)
        for name in sorted(calls)
        if name not in LONG or round_ % LONG[name] < 2
    ][:number]
    kept = home.parent / "kills.json"
    laid = json.loads(kept.read_text()) if kept.exists() else {}
    found = {name: Counter(counts) for name, counts in laid.items()}
    done = sum(sum(one.values()) for one in found.values())
    for at, (round_, name) in enumerate(turns):
        if at < done:
            continue
        if time.perf_counter() - began > seconds:
            return False
        took, names = reference[name]
        older = whole / name / f"out{SUFFIX.get(name, '')}"
        with tempfile.TemporaryDirectory(prefix="killed-") as folder:
            place = Path(folder) / "place" / older.name
            words, moment = [*calls[name], "--out", str(place)], random.Random(f"{seed} {at}").random() * took
            ending = killed_once(context, words, moment, names, older, place, over=round_ % 2 == 1)
        found.setdefault(name, Counter())[ending] += 1
        kept.write_text(json.dumps(found))
    return True


def more_seeds(home: Path) -> None:
    """Add what only the commands that write need."""
    import onnx

    from biomatch import cli

    (home / "retention.csv").write_text("traveller,entry,exit\nA,2024-01-01,2024-02-01\n")
    rows = "".join(
        f"D{n},2024-0{1 + n % 4}-{1 + n % 28:02d},in\nD{n},2024-05-{1 + n % 28:02d},out\n" for n in range(40)
    )
    (home / "records.csv").write_text(f"document,date,direction\n{rows}")
    (home / "study.toml").write_text(
        'name = "x"\nmax_fpir = 0.3\nseeds = [2]\ntuning_seeds = [1]\n[worlds.tiny]\nscenario = "tiny"\n'
        'set = { travellers = 100 }\n[systems.today]\nsystem = "today"\n'
    )
    flat = onnx.helper.make_node("Flatten", ["images"], ["templates"], axis=1)
    kinds = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("images", ["n", 3, 8, 8]), ("templates", ["n", 192]))
    ]
    graph = onnx.helper.make_graph([flat], "faces", kinds[:1], kinds[1:])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), home / "faces.onnx")
    if cli.run(["link", str(home / "records.csv"), "--on", "2024-06-01", "--out", str(home / "linked")]):
        raise SystemExit("the records could not be linked")
