"""A gallery's folder: files that never change, and one small file that says which of them count.

A change writes new files beside the old ones, then replaces ``contents.json`` in one step, then
overwrites and removes what no longer counts. Whoever is killed, at whatever moment, leaves the state
before the change or the state after it; what is left over is overwritten at the next opening.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError, TableError
from biomatch.tables import storage

try:
    import fcntl
except ImportError:  # no such locks on this platform: two owners of one folder are not noticed
    fcntl = None  # type: ignore[assignment]

KIND = "gallery"
LOCK = "lock"
_SEAL = "seal"
_BLOCK = 1 << 22
_OURS = re.compile(
    r"(segment|codebook|retired)-\d{8}(\.templates|\.register|\.codes)?\.npy|\.contents\.json\.partial-\d+"
)


class Folder:
    """One gallery's folder, held by one owner at a time.

    Parameters
    ----------
    path : path
        The folder.
    create : bool
        Whether it shall be made; a folder that holds something else is refused either way.
    """

    def __init__(self, path: str | Path, *, create: bool) -> None:
        self.path = Path(path)
        self.files: dict[str, dict[str, Any]] = {}
        self.about: dict[str, Any] = {}
        try:
            if create:
                if not self._was_begun():
                    storage.free_place(self.path, KIND)
                self.path.mkdir(parents=True, exist_ok=True)
            elif not (self.path / storage.CONTENTS).exists():
                raise TableError(f"{self.path} is no gallery: it has no {storage.CONTENTS}")
            self._lock = self._locked()
        except TableError as fault:
            raise _as_gallery_error(fault) from None
        except OSError as fault:
            raise GalleryError(
                f"{self.path} cannot be used ({fault.strerror})", remedy="choose another"
            ) from None
        try:
            if (self.path / storage.CONTENTS).exists():
                self._read()
            self._remove_strays()
        except BaseException:
            self.close()
            raise

    def _was_begun(self) -> bool:
        """Whether somebody was killed here before a first state was whole: nothing but our own files."""
        names = [file.name for file in self.path.iterdir()] if self.path.is_dir() else []
        return LOCK in names and all(name == LOCK or _OURS.fullmatch(name) for name in names)

    def _locked(self) -> int:
        handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                raise GalleryError(
                    f"the gallery in {self.path} is in use",
                    allowed="one owner at a time",
                    remedy="close it there first",
                ) from None
        return handle

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # -- reading ------------------------------------------------------------------------------------

    def _read(self) -> None:
        place = self.path / storage.CONTENTS
        try:
            contents = json.loads(place.read_text(encoding="utf-8"))
            whole = contents[_SEAL] == _seal(contents["files"], contents["about"])
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise GalleryError(
                f"{place} was altered or cut short: its seal does not fit",
                remedy="take a copy of the gallery that is whole",
            )
        try:
            storage.open_folder(self.path, KIND)
        except TableError as fault:
            raise _as_gallery_error(fault) from None
        self.files, self.about = dict(contents["files"]), dict(contents["about"])

    def check(self, names: Iterable[str]) -> None:
        """Check files against their recorded SHA-256."""
        for name in names:
            try:
                storage.check_hash(self.path, name, {"kind": KIND, "files": self.files})
            except TableError as fault:
                raise _as_gallery_error(fault) from None

    def array(self, name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        """Memory-map an array and check its type and shape."""
        try:
            found = storage.map_array(self.path / name, dtype=dtype)
        except TableError as fault:
            raise _as_gallery_error(fault) from None
        if found.shape != shape or not found.flags["C_CONTIGUOUS"]:
            raise GalleryError(f"{self.path / name} has shape {found.shape}", allowed=f"{shape}")
        return found

    # -- writing ------------------------------------------------------------------------------------

    def write(self, name: str, array: NDArray[Any]) -> None:
        """Write an array as a new file; it counts from the next `commit` that names it."""
        header = io.BytesIO()
        about = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(header, {**about, "shape": array.shape})
        found, size = hashlib.sha256(), 0
        rows = max(1, _BLOCK // max(1, array[:1].nbytes))
        with (self.path / name).open("wb") as file:
            for begin in range(-rows, len(array), rows):
                piece = header.getvalue() if begin < 0 else array[begin : begin + rows].tobytes()
                file.write(piece)
                found.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        self.files[name] = {"bytes": size, "sha256": found.hexdigest()}

    def commit(self, names: Iterable[str], about: Mapping[str, Any]) -> None:
        """Make these files, and nothing else, the gallery; then overwrite and remove the others."""
        wanted = set(names)
        self.files = {name: entry for name, entry in self.files.items() if name in wanted}
        self.about = dict(about)
        contents = {
            "kind": KIND,
            "format": storage.FORMAT,
            "files": self.files,
            "about": self.about,
            _SEAL: _seal(self.files, self.about),
        }
        sync_folder(self.path)  # the new files' names before the file that names them
        storage.write_text(
            self.path / storage.CONTENTS, json.dumps(contents, indent=1, sort_keys=True) + "\n"
        )
        sync_folder(self.path)
        self._remove_strays()

    def _remove_strays(self) -> None:
        for file in self.path.iterdir():
            if _OURS.fullmatch(file.name) and file.is_file() and file.name not in self.files:
                overwrite(file)
                file.unlink()


def overwrite(file: Path) -> None:
    """Overwrite a file with zeros, down to the disk (as far as a file system lets itself be told)."""
    left = file.stat().st_size
    with file.open("r+b", buffering=0) as handle:
        while left > 0:
            left -= handle.write(bytes(min(left, _BLOCK)))
        os.fsync(handle.fileno())


def sync_folder(path: Path) -> None:
    """Bring a folder's list of names to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _seal(files: Any, about: Any) -> str:
    text = json.dumps([files, about], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _as_gallery_error(fault: TableError) -> GalleryError:
    return GalleryError(fault.given, allowed=fault.allowed, remedy=fault.remedy)
