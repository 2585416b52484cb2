"""Making what keeps a gallery's references, and opening it again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from biomatch.errors import GalleryError
from biomatch.gallery.coding.mates import MatedScores
from biomatch.gallery.disk.folder import Folder
from biomatch.gallery.disk.stored import StoredGallery
from biomatch.gallery.kinds import Options
from biomatch.gallery.memory.local import LocalGallery
from biomatch.gallery.milvus.index import MilvusGallery
from biomatch.gallery.threads import blas_threads

Keeper = LocalGallery | MilvusGallery


def new_keeper(options: Options, path: str | Path | None) -> Keeper:
    """Make what keeps a new gallery: in memory, in a folder, or on Milvus."""
    if options.kind == "milvus":
        if path is None:
            raise GalleryError(
                "index = 'milvus' without a path", allowed="a URI, or a path that ends in .db (Milvus Lite)"
            )
        return MilvusGallery(options.dimension, path)
    index = options.index()
    if path is None:
        return LocalGallery(options.dimension, index)
    folder = Folder(path, "new")
    try:
        if folder.contents is not None:
            raise GalleryError(f"{path} holds a gallery already", remedy="use Gallery.open(path)")
        stored = StoredGallery(folder, options.dimension, index, options.settings())
        stored.create()
    except BaseException:
        folder.close()
        raise
    return stored


def opened_keeper(
    path: str | Path, threads: int, *, full: bool, read_only: bool, expect_hash: str | None
) -> tuple[Options, StoredGallery]:
    """Open a gallery's folder, with what it was made with; see `Gallery.open`."""
    expected = None if expect_hash is None else _checked_hash(expect_hash)
    folder = Folder(path, "read" if read_only else "write")
    try:
        if folder.contents is None:
            raise GalleryError(f"{folder.path} is no gallery", remedy="give a gallery's folder")
        settings, found = folder.contents.about.settings, folder.contents.seal
        if expected is not None and found != expected:
            raise GalleryError(
                f"{folder.path} has the content hash {found}",
                allowed=f"{expected}, as was expected",
                remedy="do not use it: ask for the folder again",
            )
        if settings["index"] == "milvus":
            raise GalleryError(f"{folder.path} says that its index is milvus", allowed="an index on disk")
        mates = settings.get("mated_scores")
        options = Options(
            settings["index"],
            settings["dimension"],
            threads,
            settings["floor_score"],
            settings["loss_budget"],
            settings["rank_from"],
            # A folder that does not say what its budget means is older: it was the loss at the floor.
            at_floor=settings.get("at_floor", True),
            mated_scores=None if mates is None else MatedScores.of_plain(mates),
        )
        keeper = StoredGallery(folder, options.dimension, options.index(), options.settings())
        with blas_threads(threads):
            keeper.load(full=full)
    except BaseException:
        folder.close()
        raise
    return options, keeper


def _checked_hash(expected: Any) -> str:
    if not isinstance(expected, str) or not re.fullmatch(r"[0-9a-f]{64}", expected.strip().lower()):
        raise GalleryError(f"expect_hash = {expected!r:.80}", allowed="64 hexadecimal digits")
    return expected.strip().lower()


def opened_again(kind: Any, path: str, content_hash: str, threads: int) -> Any:
    """Open a gallery that was copied or pickled, read-only; a folder that has changed since is refused."""
    gallery = kind.open(path, threads=threads, check="quick", read_only=True)
    if gallery.content_hash != content_hash:
        gallery.close()
        raise GalleryError(
            f"the gallery in {path} has changed since it was copied or pickled",
            remedy="open it where it is needed: Gallery.open(path, read_only=True)",
        )
    return gallery
