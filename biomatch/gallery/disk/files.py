"""Files of one folder, opened without following links, and overwritten only where that harms nobody.

Everything goes through the folder's own handle: if somebody moves the folder and puts another in its place,
nothing is written into that one.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.disk.contents import Entry

BLOCK = 1 << 22
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK if hasattr(os, "O_NOFOLLOW") else 0


class Place:
    """One folder.

    Parameters
    ----------
    path : str
        As it was given, for messages.
    handle : int
        The opened folder.
    """

    def __init__(self, path: str, handle: int) -> None:
        self.path, self.handle = path, handle

    def names(self) -> list[str]:
        """Name what lies in it."""
        return os.listdir(self.handle)  # noqa: PTH208

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open one regular file of it: no link, pipe, device or folder.

        Raises
        ------
        GalleryError
            For anything else that bears the name.
        OSError
            When it is not there, or the system refuses.
        """
        try:
            found = os.lstat(name, dir_fd=self.handle)
            if not stat.S_ISREG(found.st_mode):
                raise self._no_file(name)
            handle = os.open(name, flags | _SAFE, 0o666, dir_fd=self.handle)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            handle = os.open(name, flags | _SAFE, 0o666, dir_fd=self.handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._no_file(name)
        return handle

    def _no_file(self, name: str) -> GalleryError:
        return GalleryError(
            f"{self.path}/{name} is a link, a pipe, a device or a folder",
            allowed="regular files, as a gallery writes them",
            remedy="take a copy of the gallery that is whole",
        )

    def read(self, name: str, most: int) -> bytes:
        """Read a small file.

        Raises
        ------
        GalleryError
            When it has more than `most` bytes, or is no regular file.
        """
        with os.fdopen(self.open(name), "rb") as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            raise GalleryError(f"{self.path}/{name} has more than {most} bytes", allowed="a gallery's file")
        return raw

    def write(self, name: str, pieces: Any) -> Entry:
        """Write a file that must not be there yet, down to the disk."""
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o666, dir_fd=self.handle)
        found, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
                found.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        return Entry(size, found.hexdigest())

    def replace(self, name: str, by: str) -> None:
        """Put one file in the place of another, in one step that outlives a loss of power."""
        self.sync()  # the new files' names before the file that names them
        os.replace(by, name, src_dir_fd=self.handle, dst_dir_fd=self.handle)
        self.sync()

    def sync(self) -> None:
        """Bring the list of names to the disk."""
        os.fsync(self.handle)

    def remove(self, name: str) -> None:
        """Overwrite a file with zeros, down to the disk, and remove it.

        A file that bears another name as well (a snapshot made of hard links) is not overwritten: this name
        of it is taken away. What is no regular file was not written by a gallery and is left alone.
        """
        try:
            handle = self.open(name, os.O_RDWR)
        except (GalleryError, FileNotFoundError):
            return
        with os.fdopen(handle, "r+b", buffering=0) as file:
            about = os.fstat(file.fileno())
            left = about.st_size if about.st_nlink == 1 else 0
            while left > 0:
                left -= file.write(bytes(min(left, BLOCK)))
            os.fsync(file.fileno())
        os.unlink(name, dir_fd=self.handle)

    # -- arrays -------------------------------------------------------------------------------------

    def write_array(self, name: str, array: NDArray[Any]) -> Entry:
        """Write an array as a new ``.npy`` file."""
        header = _header_of(array.dtype, array.shape)
        rows = max(1, BLOCK // max(1, array[:1].nbytes))
        return self.write(
            name,
            (
                header if begin < 0 else array[begin : begin + rows].tobytes()
                for begin in range(-rows, len(array), rows)
            ),
        )

    def array(
        self, name: str, entry: Entry, dtype: Any, shape: tuple[int, ...], *, check: bool, mapped: bool
    ) -> NDArray[Any]:
        """Give an array as it was written: what is hashed and what is read is one opened file.

        Parameters
        ----------
        name : str
            The file.
        entry : Entry
            Its size and hash as recorded.
        dtype, shape
            What it must be.
        check : bool
            Whether the hash is compared too.
        mapped : bool
            Whether it is memory-mapped instead of read.
        """
        try:
            handle = self.open(name)
        except FileNotFoundError:
            raise GalleryError(
                f"{self.path} lacks the file {name}", remedy="take a copy of the gallery that is whole"
            ) from None
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry.bytes:
                raise GalleryError(
                    f"{self.path}/{name} has {size} bytes instead of {entry.bytes}",
                    remedy="it was cut short or changed: take a copy of the gallery that is whole",
                )
            source: BinaryIO = file if mapped else io.BytesIO(file.read())
            if check and _digest(source) != entry.sha256:
                raise GalleryError(
                    f"{self.path}/{name} does not have the content that was recorded",
                    remedy="take a copy of the gallery that is whole",
                )
            source.seek(0)
            wanted = _header_of(np.dtype(dtype), shape)
            if source.read(len(wanted)) != wanted:
                self._refuse_header(name, source, np.dtype(dtype), shape)
            offset = len(wanted)
            if size - offset != int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize:
                raise GalleryError(f"{self.path}/{name} is no readable .npy file (its length)")
            if mapped:
                return np.memmap(file, dtype, "r", offset, shape).view(np.ndarray)
            return np.frombuffer(source.read(), dtype).reshape(shape)

    def _refuse_header(
        self, name: str, source: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        """Say what is wrong with a header that is not the one that was written."""
        source.seek(0)
        try:
            if np.lib.format.read_magic(source) != (1, 0):
                raise ValueError("its version")
            found_shape, fortran, found = np.lib.format.read_array_header_1_0(source)
        except (ValueError, OSError) as fault:
            raise GalleryError(f"{self.path}/{name} is no readable .npy file ({str(fault)[:200]})") from None
        if found.hasobject:
            raise GalleryError(f"{self.path}/{name} is no readable .npy file (it holds Python objects)")
        if found != dtype:
            raise GalleryError(f"{self.path}/{name} holds {found} of shape {found_shape}", allowed=str(dtype))
        order = " in Fortran order" if fortran else ""
        raise GalleryError(f"{self.path}/{name} has shape {found_shape}{order}", allowed=f"{shape}")


def _header_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Give the header of the ``.npy`` files that a gallery writes."""
    header = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue()


def _digest(source: BinaryIO) -> str:
    found = hashlib.sha256()
    while block := source.read(BLOCK):
        found.update(block)
    return found.hexdigest()
