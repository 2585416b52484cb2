"""Calling a door with a hostile file: the only endings are an answer, or one clear refusal."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from enum import EnumMeta
from pathlib import Path

from doors import CommandDoor, commands
from seeds import seed_for

from biomatch import cli
from biomatch.errors import BiomatchError

SECONDS = 180
"""Longest that one door may take to answer or refuse, on a machine that many share."""
VALUES = {int: "1", float: "0.01", str: "x"}
SPECIAL = {"on": "2024-06-01", "seed": "5", "gallery": "1000", "max_fpir": "0.05"}


class TooLongError(AssertionError):
    """A door took longer than `SECONDS`."""


@contextmanager
def bounded():
    def ring(_number, _frame):
        raise TooLongError(f"no answer in {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command_line(door: CommandDoor, hostile: str, home: Path, out: Path) -> list[str]:
    """Write a call of the door's command, whole but for the parameter that gets the hostile path."""
    arguments, options = [], []
    wanted = commands()[door.words]
    for one in wanted:
        if one.name == door.name:
            value = [hostile]
            if door.name == "pairs":
                value.append(str(home / "w2"))
        elif one.name == "out":
            value = [str(out)]
        elif one.path and (one.required or _goes_along(door, one.name)):
            value = [str(seed_for(home, door.words, one.name))]
            value += [str(home / "w2")] if one.name == "pairs" else []
        elif one.required:
            value = [SPECIAL.get(one.name) or _value(one.kind)]
        else:
            continue
        if one.option is None:
            arguments += value
        else:
            options += [one.option, *value]
    options += [word for need, word in EXTRA.get(door.words, ()) if need is None or need == door.name]
    # A name of a file may begin with a dash: options come first.
    return [*door.words, *options, "--", *arguments]


EXTRA = {
    ("tune",): ((None, "--max-fpir=0.3"),),
    ("evaluate",): (("point", "--format=frte"), ("point", "--system=default")),
}
"""Options without which a command refuses before it reads anything."""


def _goes_along(door: CommandDoor, name: str) -> bool:
    """Options that are needed together with the one that is attacked."""
    together = {"mated": "non_mated", "non_mated": "mated", "labels": "embeddings"}
    return together.get(door.name) == name and door.words == ("fit",)


def _value(kind) -> str:
    if isinstance(kind, EnumMeta):
        return next(iter(kind)).value
    return VALUES.get(kind, "1")


def attack_command(door: CommandDoor, hostile: str, home: Path, out: Path, capsys) -> int:
    """Run a command with a hostile path; check how it ends; give its exit code."""
    words = command_line(door, hostile, home, out)
    capsys.readouterr()
    with bounded():
        code = cli.run(words)
    said = capsys.readouterr()
    told = f"{[word[:80] for word in words]} ended with {code}: {said.err[-600:]!r}"
    assert code in (0, 1, 2), told
    assert "Traceback" not in said.err, told
    assert "\x1b" not in said.err, told
    assert "\x1b" not in said.out, told
    if code == 2:
        fault = [line for line in said.err.splitlines() if line.startswith("biomatch: ")]
        assert len(fault) == 1, told
        assert len(fault[0]) < 8000, told
        left = [one.name for one in out.parent.iterdir() if one.name.startswith(f".{out.name}")]
        assert not left, told
        assert not out.exists(), told
    return code


def attack_function(door, hostile) -> bool:
    """Call a function with a hostile path; say whether it gave an answer."""
    try:
        with bounded():
            door.call(Path(hostile))
    except BiomatchError as fault:
        said = str(fault)
    else:
        return True
    assert len(said) < 8000
    assert "\x1b" not in said
    return False
