"""Bringing a gallery's folder into today's form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from biomatch.gallery.disk.contents import FORMAT
from biomatch.gallery.opening import opened_keeper
from biomatch.gallery.threads import thread_count

_OLDER = re.compile(r"(segment|codebook|retired)-\d{8}(\.templates|\.register|\.codes)?\.npy", re.ASCII)


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade found and made.

    Attributes
    ----------
    path : Path
        The folder.
    format_before, format_after : int
        Its form; equal where there was nothing to do.
    hash_before, hash_after : str
        Its content hash.
    left : tuple of str
        Files that bear names of the older form and do not count. They may be what a writer who was killed had
        left, templates among it; the older form does not say whose they are, so they are left alone.
    """

    path: Path
    format_before: int
    format_after: int
    hash_before: str
    hash_after: str
    left: tuple[str, ...]


def upgrade(path: str | Path, *, expect_hash: str | None = None) -> Upgrade:
    """Bring a gallery's folder into today's form, in one step, after checking all of it.

    Parameters
    ----------
    path : path
        The folder. One that has today's form is left as it is.
    expect_hash : str, optional
        The content hash that it must have before.

    Returns
    -------
    Upgrade
        Forms and content hashes before and after.

    Raises
    ------
    GalleryError
        As `Gallery.open`.

    Examples
    --------
    >>> import tempfile
    >>> from biomatch.gallery import Gallery
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Gallery(dimension=4, path=folder).close()
    ...     made = upgrade(folder)
    >>> made.format_before, made.format_after, made.hash_before == made.hash_after
    (2, 2, True)
    """
    _, keeper = opened_keeper(path, thread_count(None), full=True, read_only=False, expect_hash=expect_hash)
    try:
        before, hash_before = keeper.contents.format, keeper.content_hash
        if before != FORMAT:
            keeper.create()
        names = keeper.folder.place.names()
        counted = keeper.contents.files
        left = tuple(sorted(name for name in names if _OLDER.fullmatch(name) and name not in counted))
        return Upgrade(Path(path), before, keeper.contents.format, hash_before, keeper.content_hash, left)
    finally:
        keeper.close()
