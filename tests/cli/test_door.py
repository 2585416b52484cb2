"""The front of the command line: what is offered, in whole sentences, and every example runs."""

import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import typer

from biomatch.cli import FAMILIES, build, catalog, run
from biomatch.cli.worlds import demo
from biomatch.worlds import FIRST_RESERVED_SEED

SLOW = {
    "demo", "bench", "compare", "verify", "embed", "link", "waterfall", "review-sample", "gallery", "queue",
    "port",
}  # fmt: skip
"""Their examples are parsed: to run them takes minutes, a study, records or a user's own face model."""
ORDER = [
    "scenario", "system", "profile", "world", "check", "search", "tune", "run", "evaluate", "report",
    "groups", "review", "identify", "fit", "scores", "stays", "plan", "predict", "completion",
]  # fmt: skip
"""A later example reads what an earlier one wrote."""


def commands():
    app = typer.main.get_command(build())
    return app, app.commands


def test_every_command_stands_in_the_overview():
    _, offered = commands()
    assert set(offered) == set(catalog.ENTRIES)
    assert {entry.family for entry in catalog.ENTRIES.values()} == set(FAMILIES)
    assert set(ORDER) | SLOW == set(offered)


@pytest.mark.parametrize("entry", catalog.ENTRIES.values(), ids=lambda one: one.name)
def test_a_line_is_a_whole_sentence_that_fits(entry):
    assert entry.says[0].isupper()
    assert entry.says.endswith(".")
    assert len(f"  {entry.name:12}{entry.says}") <= 88
    assert "..." not in entry.says


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_the_overview_is_shown(call, word):
    answer = call(word)
    assert answer.code == 0
    assert answer.out.strip() == catalog.overview()


def test_no_word_is_a_fault_that_shows_the_overview(call):
    answer = call()
    assert (answer.code, answer.out) == (2, "")
    assert "Start here:" in answer.err


def test_the_version_is_told(call):
    assert re.fullmatch(r"biomatch \d+\.\d+\.\d+\n", call("--version").out)


@pytest.mark.parametrize(
    ("wrong", "right"), [("serach", "search"), ("evalute", "evaluate"), ("wrld", "world")]
)
def test_a_misspelt_command_is_known_again(call, wrong, right):
    answer = call(wrong, "x")
    assert answer.code == 2
    assert answer.err == f"biomatch: no command {wrong!r}; did you mean {right!r}?\n"


def test_a_word_like_no_command_is_refused(call):
    answer = call("qqqqqq")
    assert answer.code == 2
    assert "qqqqqq" in answer.err


@pytest.mark.parametrize("name", catalog.ENTRIES)
def test_help_shows_both_examples_unbroken(call, name):
    answer = call(name, "-h")
    assert answer.code == 0
    for example in catalog.ENTRIES[name].examples:
        assert f"  {example}\n" in answer.out


@pytest.mark.parametrize("name", sorted(SLOW))
def test_examples_that_take_long_are_understood(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("before", "after", "images"):
        (tmp_path / folder).mkdir()
    for file in ("suite.toml", "model.onnx", "faces.npy"):
        (tmp_path / file).touch()
    app, _ = commands()
    for example in catalog.ENTRIES[name].examples:
        word, *rest = shlex.split(example)[1:]
        command = app.commands[word]
        if hasattr(command, "commands"):
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context(word, rest).close()


def test_every_other_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    people = random.normal(size=(80, 32))
    faces = lambda count, noise: people[:count] + noise * random.normal(size=(count, 32))  # noqa: E731
    names = np.array([f"p{k}" for k in range(80)])
    references = np.concatenate([faces(60, 0.3) for _ in range(3)])
    np.savez("references.npz", templates=references, labels=np.tile(names[:60], 3))
    np.savez("probes.npz", templates=faces(80, 0.3), labels=names)
    mated, other = random.normal(0.7, 0.1, 400), random.normal(0.0, 0.1, 4000)
    rows = [f"{score:.4f},{int(kind)}" for part, kind in ((mated, 1), (other, 0)) for score in part]
    (tmp_path / "scores.csv").write_text("score,mated\n" + "\n".join(rows) + "\n")
    np.savetxt("mated.txt", mated)
    np.savetxt("non-mated.txt", other)
    (tmp_path / "trips.csv").write_text("traveller,entry,exit\na,2026-01-01,2026-02-01\nb,2026-03-01,\n")
    (tmp_path / "stays.csv").write_text(
        "traveller,class,entry,exit,admitted_until\na,B2,2026-01-01,,2026-03-01\n"
    )
    for name in ORDER:
        for example in catalog.ENTRIES[name].examples:
            assert run(shlex.split(example)[1:]) == 0, (example, capsys.readouterr().err)
            capsys.readouterr()


def test_python_minus_m_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "biomatch", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("biomatch ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(call, shell):
    assert "_BIOMATCH_COMPLETE" in call("completion", shell).out


def test_the_shell_is_answered():
    asked = {"_BIOMATCH_COMPLETE": "complete_bash", "COMP_WORDS": "biomatch tu", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "biomatch"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | asked,
    )
    assert done.stdout.split() == ["tune"]


@pytest.mark.parametrize("name", [*catalog.ENTRIES, ""])
def test_help_loads_no_solver_model_or_table(name):
    """What takes long to load is loaded when a command does its work, not when it is asked what it does."""
    heavy = ("numpy", "polars", "faiss", "altair", "scipy", "onnxruntime", "ortools", "rich")
    script = (
        "import sys\nfrom biomatch.cli import run\n"
        f"run({[name, '--help'] if name else ['--help']!r})\n"
        f"print('LOADED', [one for one in {heavy!r} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_built_ins_are_listed_with_a_line_each(call):
    for kind, found in (("scenario", "about"), ("system", "about"), ("profile", "about")):
        answer = call(kind, "list")
        lines = answer.out.splitlines()
        told = call(kind, "list", "--json").json
        assert len(lines) == len(told[f"{kind}s"])
        for name, line in zip(told[f"{kind}s"], lines, strict=True):
            about = told[found][name]
            assert line.startswith(name)
            assert (about if isinstance(about, str) else about["about"]) in line


def test_the_demo_knows_the_last_seed():
    assert demo.MOST_SEED == FIRST_RESERVED_SEED - 4
