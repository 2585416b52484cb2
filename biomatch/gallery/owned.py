"""Whose a gallery is: it answers in its own process until it is closed; a copy is a way to open it again."""

from __future__ import annotations

import os
from typing import Any, Self

from biomatch.errors import GalleryError
from biomatch.gallery.disk.stored import StoredGallery
from biomatch.gallery.kinds import Options
from biomatch.gallery.memory.local import closed_error
from biomatch.gallery.opening import Keeper, opened_again


class Owned:
    """What a gallery checks before it answers or changes anything; see `biomatch.gallery.Gallery`."""

    _options: Options
    _keeper: Keeper
    _process: int
    dimension: int
    threads: int
    read_only: bool

    def _take(self, options: Options, keeper: Keeper, *, read_only: bool) -> None:
        self._options, self._keeper, self._process = options, keeper, os.getpid()
        self.dimension, self.threads, self.read_only = options.dimension, options.threads, read_only

    def _ready(self, *, change: bool = False) -> Keeper:
        """Give the keeper, after checking that it may be asked."""
        if os.getpid() != self._process:
            raise GalleryError(
                "a gallery of another process, after a fork",
                allowed="use in the process that made it",
                remedy="open its folder here: Gallery.open(path, read_only=True)",
            )
        if self._keeper.closed:
            raise closed_error()
        if change and self.read_only:
            raise GalleryError(
                "a change of a gallery that was opened read-only", remedy="open it without read_only=True"
            )
        return self._keeper

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle a gallery on disk as a way to open the same state again, read-only."""
        keeper = self._ready()
        if not isinstance(keeper, StoredGallery):
            raise GalleryError(
                "a copy or pickle of a gallery that is not in a folder",
                allowed="galleries on disk, which are opened again read-only",
                remedy="save it, and open the copy where it is needed: Gallery.open(path, read_only=True)",
            )
        return opened_again, (
            type(self),
            str(keeper.folder.path.absolute()),
            keeper.content_hash,
            self.threads,
        )

    def close(self) -> None:
        """Let others write to the folder; the gallery answers nothing after this, in memory neither."""
        if os.getpid() == self._process:
            self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._ready())
