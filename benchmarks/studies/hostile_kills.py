"""Commands that write, killed at random moments: a part of `hostile.py`, which writes the page."""

from __future__ import annotations

import contextlib
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

Counts = dict[str, Counter[str]]


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


def kills(home: Path, number: int, seed: int) -> Counts:
    """Kill commands at random moments, half of them over an older output; then give the same command again.

    An older output that was moved aside is lost only if the next command does not put it back or replace it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["biomatch.cli", "polars", "biomatch.system.replay", "biomatch.evaluation.judge"]
    )
    rng, found = random.Random(seed), {}
    tables = ("review-sample", "review", "scores", "stays us", "stays eu", "stays retention")
    suffix = {
        "tune": ".json",
        "report": ".html",
        "fit": ".toml",
        "embed": ".npz",
        **dict.fromkeys(tables, ".csv"),
    }
    calls = commands_that_write(home)
    reference: dict[str, tuple[float, list[str]]] = {}
    with tempfile.TemporaryDirectory(prefix="killed-") as folder:
        said = f"{folder}/said.txt"

        def start(words: list[str]) -> Any:
            process = context.Process(target=called, args=(words, said))
            process.start()
            return process

        for name, words in calls.items():
            place = Path(folder) / name / f"out{suffix.get(name, '')}"
            place.parent.mkdir()
            began = time.perf_counter()
            process = start([*words, "--out", str(place)])
            process.join()
            if process.exitcode:
                raise SystemExit(f"{words} ended with {process.exitcode}: {Path(said).read_text()[-500:]}")
            reference[name] = time.perf_counter() - began, names_in(place)
        # The demo takes a minute: it has its turn in two rounds of five.
        rounds = [
            (round_, name)
            for round_ in range(number)
            for name in sorted(calls)
            if name != "demo" or round_ % 5 in (0, 1)
        ]
        for at in range(number):
            round_, name = rounds[at]
            took, whole = reference[name]
            place = Path(folder) / f"{at}" / f"out{suffix.get(name, '')}"
            place.parent.mkdir()
            older = Path(folder) / name / place.name
            if over := round_ % 2 == 1:
                (shutil.copytree if older.is_dir() else shutil.copy)(older, place)
            words = [*calls[name], "--out", str(place)]
            process = start(words)
            process.join(rng.random() * took)
            process.kill()
            process.join()
            killed = process.exitcode == -signal.SIGKILL
            aside = list(place.parent.glob(f".{place.name}.old-*"))
            stood = place.exists() and (name == "bench" or names_in(place) == whole)
            again = start(words)
            again.join()
            left = [one.name for one in place.parent.iterdir() if one.name != place.name]
            if again.exitcode or names_in(place) != whole or left or (over and not stood and not aside):
                print(
                    f"{name}: {again.exitcode} {left} {Path(said).read_text()[-400:]}",
                    file=sys.stderr,
                    flush=True,
                )
                ending = "lost"
            else:
                ending = "too late" if not killed else "whole" if stood or aside else "nothing yet"
            found.setdefault(name, Counter())[ending] += 1
            shutil.rmtree(place.parent)
            if at % 20 == 19:
                print(f"{at + 1} kills", file=sys.stderr, flush=True)
    return found


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
