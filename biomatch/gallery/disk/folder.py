"""A gallery's folder: files that never change, and one small file that says which of them count.

A change writes new files beside the old ones, then replaces ``contents.json`` in one step, then overwrites
and removes what no longer counts. Whoever is killed, at whatever moment, leaves the state before the change
or the state after it; what is left over is overwritten at the next opening.

One process writes and holds ``lock``. Others may read at the same time and share ``readers``; while one of
them does, files that it may have mapped are not overwritten.
"""

from __future__ import annotations

import importlib
import os
import re
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.disk.contents import KIND, MARK, Contents, Entry, kind_of, read_contents
from biomatch.gallery.disk.files import Place

fcntl: Any
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # no such locks on this platform: two owners of one folder are not noticed
    fcntl = None

CONTENTS, LOCK, READERS = "contents.json", "lock", "readers"
Mode = Literal["new", "write", "read"]
_MOST_CONTENTS = 1 << 26
_PATIENCE = 5.0
"""Seconds that a reader waits for a writer that is overwriting."""
_BEGUN = re.compile(rf"begun-({MARK.pattern})")


class _Handles:
    """The folder and its two locks, given up when the owner says so, is dropped, or forks."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.folder = self.lock = self.readers = -1

    def release(self) -> None:
        """Close everything; only the process that took the locks gives them up."""
        for name in ("lock", "readers", "folder"):
            handle = getattr(self, name)
            setattr(self, name, -1)
            if handle < 0:
                continue
            if fcntl is not None and name != "folder" and os.getpid() == self.process:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_UN)
            with suppress(OSError):
                os.close(handle)


_open: weakref.WeakSet[_Handles] = weakref.WeakSet()


def _forget_in_child() -> None:
    for handles in list(_open):  # a lock would live as long as the longest-lived child
        handles.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class Folder:
    """One gallery's folder, with one writer, or one of several readers.

    Parameters
    ----------
    path : path
        The folder.
    mode : {"new", "write", "read"}
        Whether it may be made (a folder that holds something else is refused), changed, or only read.

    Attributes
    ----------
    contents : Contents or None
        What counts, as it was when the folder was opened; None in a new one.
    mark : str
        What the names of this gallery's files bear.
    """

    def __init__(self, path: str | Path, mode: Mode) -> None:
        self.mode: Mode = mode
        self._handles = _Handles()
        self._finalizer = weakref.finalize(self, self._handles.release)
        try:
            self.path = Path(path)
            if mode == "new":
                self._refuse_foreign()
                self.path.mkdir(parents=True, exist_ok=True)
            elif not os.path.lexists(self.path / CONTENTS):
                raise GalleryError(f"{self.path} is no gallery: it has no {CONTENTS}")
            self._handles.folder = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
            _open.add(self._handles)
            self.place = Place(str(self.path), self._handles.folder)
            self._take_locks()
            names = self.place.names()
            self.contents = self.read() if CONTENTS in names else None
        except BaseException as fault:
            self.close()
            if isinstance(fault, (OSError, ValueError, TypeError)):
                reason = getattr(fault, "strerror", None) or str(fault)
                raise GalleryError(
                    f"{str(path)[:300]} cannot be used ({reason})",
                    remedy="choose another, or open it with read_only=True"
                    if mode == "write"
                    else "choose another",
                ) from None
            raise
        self.mark = "" if self.contents is None else self.contents.mark
        begun = sorted(found[1] for name in names if (found := _BEGUN.fullmatch(name)))
        self._marked, self._begun = bool(self.mark), bool(begun)
        self.mark = self.mark or (begun[0] if begun else os.urandom(8).hex())
        self._own = re.compile(
            rf"(segment|codebook|retired)-{self.mark}-(\d{{8}})(\.templates|\.register|\.codes)?\.npy"
            rf"|\.contents-{self.mark}\.partial|begun-{self.mark}",
            re.ASCII,
        )
        numbers = [int(found[2]) for name in names if (found := self._own.fullmatch(name)) and found[2]]
        self.number = max([0 if self.contents is None else self.contents.about.next, *numbers])
        if self.contents is None:
            self._sweep()

    def _sweep(self) -> None:
        """Remove what was begun here by somebody who never came to an end."""
        try:
            self.remove_strays([], [])
        except OSError as fault:
            self.close()
            raise GalleryError(f"{self.path} cannot be used ({fault.strerror})") from None

    def _refuse_foreign(self) -> None:
        """Refuse a folder that holds neither a gallery nor what a writer who was killed had begun."""
        if not os.path.lexists(self.path):
            return
        names = [file.name for file in self.path.iterdir()] if self.path.is_dir() else ["?"]
        begun = [found[1] for name in names if (found := _BEGUN.fullmatch(name))]
        ours = re.compile(rf"{LOCK}|{READERS}|.*-({'|'.join(begun) or 'none'})[-.\w]*", re.ASCII)
        if all(ours.fullmatch(name) for name in names):
            return
        if CONTENTS in names:
            handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
            try:
                if kind_of(Place(str(self.path), handle).read(CONTENTS, _MOST_CONTENTS)) == KIND:
                    return
            finally:
                os.close(handle)
        raise GalleryError(
            f"{self.path} already holds something else",
            allowed="a new or empty folder, or a gallery to replace",
            remedy="choose another, or move what stands there",
        )

    def _take_locks(self) -> None:
        if self.mode == "read":
            for name in (READERS, LOCK):  # a folder of the older form has no file for readers
                with suppress(FileNotFoundError):
                    self._handles.readers = self.place.open(name)
                    self._share(name == READERS)
                    return
            return  # nobody can have written here since it was copied
        self._handles.lock = self.place.open(LOCK, os.O_RDWR | os.O_CREAT)
        if fcntl is not None:
            try:
                fcntl.flock(self._handles.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise GalleryError(
                    f"the gallery in {self.path} is in use",
                    allowed="one owner that writes at a time",
                    remedy="close it there first, or open it with read_only=True",
                ) from None
        os.close(self.place.open(READERS, os.O_RDWR | os.O_CREAT))

    def _share(self, patient: bool) -> None:
        if fcntl is None:
            return
        until = time.monotonic() + (_PATIENCE if patient else 0.0)
        while True:
            try:
                fcntl.flock(self._handles.readers, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() >= until:
                    raise GalleryError(
                        f"the gallery in {self.path} is in use: files are being overwritten",
                        remedy="try again when that is done",
                    ) from None
                time.sleep(0.01)

    @contextmanager
    def without_readers(self) -> Iterator[bool]:
        """Keep other processes from reading while a block runs; False where one reads already."""
        if fcntl is None:
            yield True
            return
        # A handle of its own: whatever interrupts, it is closed with the block, and the lock given up.
        with os.fdopen(self.place.open(READERS, os.O_RDWR | os.O_CREAT), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free = True
            except OSError:
                free = False
            yield free

    def close(self) -> None:
        """Let others have the folder."""
        self._handles.release()

    # -- reading ------------------------------------------------------------------------------------

    def has_contents(self) -> bool:
        """Whether there is a whole gallery in it."""
        return CONTENTS in self.place.names()

    def read(self) -> Contents:
        """Read ``contents.json`` as it lies there now."""
        return read_contents(self.place.read(CONTENTS, _MOST_CONTENTS), str(self.path))

    def seal(self) -> str:
        """Read the seal that lies on the disk now; "" where there is no contents yet."""
        try:
            return self.read().seal
        except FileNotFoundError:
            return ""

    # -- writing ------------------------------------------------------------------------------------

    def new_name(self, what: str) -> str:
        """Give a name that no file had before."""
        self.number += 1
        return f"{what}-{self.mark}-{self.number:08d}"

    def write(self, name: str, array: NDArray[Any]) -> Entry:
        """Write an array as a new file; it counts from the next `put` that names it."""
        if not self._marked and not self._begun:  # whoever comes after a kill must know what is ours
            self.place.write(f"begun-{self.mark}", [])
            self._begun = True
        return self.place.write_array(name, np.asarray(array))

    def put(self, contents: Contents) -> None:
        """Make these contents the gallery, in one step."""
        beside = f".contents-{self.mark}.partial"
        self.place.remove(beside)
        self.place.write(beside, [contents.text().encode("ascii")])
        self.place.replace(CONTENTS, beside)
        self._marked = True

    def owns(self, name: str) -> bool:
        """Whether a file bears this gallery's mark."""
        return self._own.fullmatch(name) is not None

    def former(self, contents: Contents | None, files: Iterable[str]) -> tuple[str, ...]:
        """Name what counted so far, bears no mark (an older form), still lies there, and counts no more."""
        if contents is None:
            return ()
        there = set(self.place.names()).difference(files)
        return tuple(
            sorted(name for name in {*contents.files, *contents.former} & there if not self.owns(name))
        )

    def remove_strays(self, keep: Iterable[str], former: Iterable[str]) -> None:
        """Overwrite and remove what this gallery wrote and does not need."""
        needed, given_up = set(keep), set(former)
        for name in self.place.names():
            if name in needed or (name.startswith("begun-") and not self._marked):
                continue
            if self.owns(name) or name in given_up:
                self.place.remove(name)
