"""Seals: hashes that tell whether what is read is what was written, at the speed of the disk.

A file's hash is a tree of two levels: SHA-256 of every chunk of `CHUNK` bytes, and SHA-256 of those. Chunks
are hashed side by side, and one chunk can be checked without the others, so that a file of many gigabytes
can be sampled. A seal is no signature: whoever can write the file can write the seal (``docs/security.md``).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from biomatch.errors import TableError
from biomatch.files import open_file

CHUNK = 1 << 22
FULL_BYTES = 1 << 30
"""Files up to this size are checked in full unless something else is asked for."""
SAMPLED_CHUNKS = 64
"""Chunks of a larger file that are drawn; the first and the last are always checked as well."""
Extent = Literal["auto", "full", "sampled"]
_extent: ContextVar[Extent] = ContextVar("_extent", default="auto")
_notes: ContextVar[list[str] | None] = ContextVar("_notes", default=None)


@contextmanager
def checking(extent: Extent) -> Iterator[None]:
    """Within the block, check large files in full or by sampled chunks."""
    token = _extent.set(extent)
    try:
        yield
    finally:
        _extent.reset(token)


@contextmanager
def notes() -> Iterator[list[str]]:
    """Collect what the checks of the block have to say (a file that was only sampled)."""
    found: list[str] = []
    token = _notes.set(found)
    try:
        yield found
    finally:
        _notes.reset(token)


def add_note(text: str) -> None:
    """Say something to whoever collects `notes`, once."""
    held = _notes.get()
    if held is not None and text not in held:
        held.append(text)


class TreeHash:
    """Hash bytes as they come; `close` gives the seal of all of them."""

    def __init__(self) -> None:
        self._open = hashlib.sha256()
        self._in, self._bytes = 0, 0
        self._chunks: list[str] = []

    def update(self, data: Any) -> None:
        """Take further bytes (anything with a buffer of bytes)."""
        view = memoryview(data).cast("B")
        at = 0
        while at < len(view):
            part = view[at : at + CHUNK - self._in]
            self._open.update(part)
            at, self._in = at + len(part), self._in + len(part)
            if self._in == CHUNK:
                self._chunks.append(self._open.hexdigest())
                self._open, self._in = hashlib.sha256(), 0
        self._bytes += len(view)

    def close(self) -> FileSeal:
        """Give the seal of what was taken."""
        chunks = [*self._chunks, self._open.hexdigest()] if self._in or not self._bytes else self._chunks
        return FileSeal.of(self._bytes, chunks)


@dataclass(frozen=True)
class FileSeal:
    """What is recorded of a file.

    Attributes
    ----------
    bytes : int
        Its size.
    sha256 : str
        Of its content where that is one chunk; else of ``"biomatch tree"`` and the chunks' digests.
    chunks : tuple of str
        SHA-256 of every `CHUNK` bytes; empty where there is one.
    """

    bytes: int
    sha256: str
    chunks: tuple[str, ...] = ()

    @classmethod
    def of(cls, size: int, chunks: Sequence[str]) -> FileSeal:
        """Make the seal of a file from its chunks' digests, one at least."""
        if len(chunks) == 1:
            return cls(size, chunks[0])
        return cls(size, _root(chunks), tuple(chunks))

    def to_json(self) -> dict[str, Any]:
        """Give the seal as plain data."""
        found: dict[str, Any] = {"bytes": self.bytes, "sha256": self.sha256}
        return found | ({"chunks": list(self.chunks)} if self.chunks else {})

    @classmethod
    def from_json(cls, data: Any) -> FileSeal:
        """Read what `to_json` gave.

        Raises
        ------
        ValueError
            For what is no seal, or whose parts disagree.
        """
        if not isinstance(data, Mapping):
            raise ValueError("no seal of a file")
        size, found, chunks = data.get("bytes"), data.get("sha256"), data.get("chunks", [])
        if isinstance(size, bool) or not isinstance(size, int) or size < 0 or not isinstance(found, str):
            raise ValueError("a file's seal without size or hash")
        if not isinstance(chunks, list) or not all(isinstance(one, str) and len(one) == 64 for one in chunks):
            raise ValueError("a file's chunks are no hashes")
        wanted = max(1, -(-size // CHUNK))
        if len(chunks) != (wanted if wanted > 1 else 0) or (chunks and _root(chunks) != found):
            raise ValueError("a file's chunks do not belong to its hash")
        return cls(size, found, tuple(chunks))


def _root(chunks: Sequence[str]) -> str:
    try:
        return hashlib.sha256(b"biomatch tree\n" + bytes.fromhex("".join(chunks))).hexdigest()
    except ValueError:
        return ""


def seal_bytes(data: bytes) -> FileSeal:
    """Give the seal of bytes."""
    found = TreeHash()
    found.update(data)
    return found.close()


def seal_file(path: Path) -> FileSeal:
    """Give the seal of a file; its chunks are hashed side by side."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        return FileSeal.of(size, _hashes(file, range(max(1, -(-size // CHUNK)))))


def _hashes(file: BinaryIO, chunks: Sequence[int]) -> list[str]:
    handle = file.fileno()

    def one(number: int) -> str:
        return hashlib.sha256(os.pread(handle, CHUNK, number * CHUNK)).hexdigest()

    if len(chunks) < 4:
        return [one(number) for number in chunks]
    with ThreadPoolExecutor(_cores()) as pool:
        return list(pool.map(one, chunks))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Checked:
    """How far an opened file was compared with its seal.

    Attributes
    ----------
    chunks : int
        Chunks of `CHUNK` bytes in the file.
    numbers : tuple of int
        Those that were hashed, ascending.
    """

    chunks: int
    numbers: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether all of the file was checked."""
        return len(self.numbers) == self.chunks

    def __str__(self) -> str:
        return "in full" if self.whole else f"{len(self.numbers):,} of {self.chunks:,} chunks"


def check_opened(file: BinaryIO, seal: FileSeal, name: str, remedy: str) -> Checked:
    """Compare an opened file with its seal, in full or by sampled chunks (see `checking`).

    Raises
    ------
    TableError
        When its size or a chunk is another.
    """
    size = os.fstat(file.fileno()).st_size
    if size != seal.bytes:
        raise TableError(
            f"{name} has {size} bytes instead of {seal.bytes}",
            remedy=f"it was cut short or changed: {remedy}",
        )
    count, extent = max(1, -(-size // CHUNK)), _extent.get()
    numbers = list(range(count))
    if extent == "sampled" or (extent == "auto" and size > FULL_BYTES):
        # Nobody may foresee which: not a named stream. What is drawn decides no figure.
        drawn = random.SystemRandom().sample(numbers, min(SAMPLED_CHUNKS, count))
        numbers = sorted({0, count - 1, *drawn})
    recorded = seal.chunks or (seal.sha256,)
    for number, found in zip(numbers, _hashes(file, numbers), strict=True):
        if found != recorded[number]:
            raise TableError(f"{name} does not have the content that was recorded", remedy=remedy)
    checked = Checked(count, tuple(numbers))
    if not checked.whole:
        add_note(f"note: {name} was checked by {checked} drawn at random; `biomatch check` reads all of it")
    return checked


def seal_of(values: Mapping[str, Any]) -> str:
    """Give the SHA-256 of plain data as canonical JSON, whatever stands under ``seal``."""
    rest = {name: value for name, value in values.items() if name != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def question_of(**asked: Any) -> str:
    """Name a question: a hash of everything that is asked, as plain data."""
    return seal_of(asked)[:16]
