"""Where outputs go: what may be replaced, how it is replaced, and what a killed writer left behind.

An older output is moved aside, the new one is put in its place, and only then is the older one removed. A
kill in between leaves both, and the next command that looks there puts the older one back.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from biomatch.errors import TableError
from biomatch.files import open_file, read_bytes

CONTENTS = "contents.json"
_overwrite: ContextVar[bool] = ContextVar("_overwrite", default=False)


@contextmanager
def overwriting(allowed: bool = True) -> Iterator[None]:
    """Within the block, let outputs replace older ones that answer another question."""
    token = _overwrite.set(allowed)
    try:
        yield
    finally:
        _overwrite.reset(token)


def allow_overwriting(allowed: bool) -> None:
    """Let the outputs of this process's command replace those of another question (``--overwrite``)."""
    _overwrite.set(allowed)


def may_overwrite() -> bool:
    """Say whether an output of another question may be replaced."""
    return _overwrite.get()


def named(path: str | Path) -> Path:
    """Give a path that has a name: ``.`` becomes the folder's own."""
    place = Path(path)
    if place.name in ("", ".."):
        place = Path(os.path.abspath(place))  # noqa: PTH100 - links stay as they are
    if not place.name or "\0" in place.name:
        raise TableError(f"{str(path)!r} is no place for an output", remedy="choose another --out")
    return place


def free_place(path: str | Path, kind: str, question: str | None = None) -> None:
    """Refuse a place where something stands that is not a `kind` of ours, or answers another question.

    Called by `storage.new_folder`, and early by commands that would otherwise work for nothing.

    Parameters
    ----------
    path : path
        Where an output shall stand.
    kind : str
        What it is.
    question : str, optional
        What it answers (`seals.question_of`); an older output of another question is replaced only where
        `may_overwrite`.

    Raises
    ------
    TableError
        When the place is taken.
    """
    place = named(path)
    try:
        recover(place)
        if not os.path.lexists(place):
            return
        if place.is_dir() and not place.is_symlink():
            if not any(place.iterdir()):
                return
            held = _held(place)
            if held is not None and held[0] == kind:
                if question is None or held[1] in (None, question) or may_overwrite():
                    return
                raise TableError(
                    f"{place} holds {article(kind)} that answers another question",
                    allowed=f"a new place, or the same {kind} again",
                    remedy="choose another --out, or give --overwrite to replace it",
                )
    except OSError as fault:
        raise TableError(
            f"{place} could not be written ({fault.strerror or fault})", remedy="choose another place"
        ) from None
    raise TableError(
        f"{place} already holds something else",
        allowed=f"a new or empty folder, or {article(kind)} to replace",
        remedy="choose another --out, or move what stands there",
    )


def free_file(
    path: str | Path,
    kind: str,
    question: str | None = None,
    held: Callable[[bytes], str | None] = lambda data: "",
) -> None:
    """Refuse a file's place where something stands that is not a `kind` of ours, or answers another question.

    Parameters
    ----------
    path : path
        Where a file shall stand.
    kind : str
        What it is, for the message.
    question : str, optional
        What the new file answers.
    held : callable
        Takes the content that stands there (its first `HEAD` bytes where `question` is None); gives None for
        what is no `kind`, else the question that it answers, or an empty text.

    Raises
    ------
    TableError
        When the place is taken.
    """
    place = named(path)
    if place.is_dir():
        raise TableError(
            f"{place} is a folder", allowed=f"a file to write the {kind} to", remedy="name a file"
        )
    if not place.is_file() or place.stat().st_size == 0 or may_overwrite():
        return
    found = held(read_head(place) if question is None else read_bytes(place))
    if found is None:
        raise TableError(
            f"{place} already holds something else",
            allowed=f"a new file, or {article(kind)} to replace",
            remedy="choose another --out, or give --overwrite to replace it",
        )
    if question is not None and found not in ("", question):
        raise TableError(
            f"{place} holds {article(kind)} that answers another question",
            allowed=f"a new place, or the same {kind} again",
            remedy="choose another --out, or give --overwrite to replace it",
        )


HEAD = 4096


def read_head(place: Path) -> bytes:
    """Read the first `HEAD` bytes of a file."""
    with open_file(place) as file:
        return file.read(HEAD)


def begins(*marks: str) -> Callable[[bytes], str | None]:
    """Make a test for `free_file`: the content holds one of some texts within its first `HEAD` bytes."""
    return lambda data: "" if any(mark.encode() in data for mark in marks) else None


def _held(place: Path) -> tuple[str, str | None] | None:
    """Give the kind of a folder of ours, and the question that it answers."""
    try:
        contents = json.loads((place / CONTENTS).read_text(encoding="utf-8"))
        return str(contents["kind"]), contents.get("question")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def article(kind: str) -> str:
    """Put the article before a kind of output; kinds in the plural have none."""
    if kind.endswith("s"):
        return kind
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"


def put(beside: Path, place: Path) -> None:
    """Put a finished folder in its place: the older one aside, the new one there, then the older one away."""
    aside = None
    try:
        if os.path.lexists(place):
            aside = place.with_name(f".{place.name}.old-{os.getpid()}")
            place.rename(aside)
        beside.rename(place)
    except BaseException:
        if aside is not None and not os.path.lexists(place):
            aside.rename(place)
        raise
    sync(place.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def recover(place: Path) -> None:
    """Undo what a killed writer began here: put an older output back, remove what is half-written."""
    for left, what in _leftovers(place):
        if what == "old" and not os.path.lexists(place):
            with suppress(OSError):  # on a medium that cannot be written nothing can be put back
                left.rename(place)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()


def _leftovers(place: Path) -> list[tuple[Path, str]]:
    """Give what dead processes left beside a place; a living one's is let alone."""
    found = []
    try:
        names = [one.name for one in place.parent.iterdir()]
    except OSError:
        return []
    for what in ("old", "partial"):
        head = f".{place.name}.{what}-"
        for name in sorted(names):
            owner = name.removeprefix(head)
            if name.startswith(head) and owner.isdecimal() and not alive(int(owner)):
                found.append((place.parent / name, what))
    return found


def alive(process: int) -> bool:
    """Say whether a process of this number runs (this one counts)."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path: Path) -> None:
    """Force a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
