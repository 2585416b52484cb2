"""Indexes of one's own: registered under a name, without editing this package."""

from __future__ import annotations

from collections.abc import Callable

from biomatch.gallery.memory.local import Index
from biomatch.registry import INDEXES


def register_index(name: str, make: Callable[..., Index], *, replace: bool = False) -> None:
    """Add an index of one's own; ``Gallery(index=name)`` and ``gallery.index`` of a system take it.

    Parameters
    ----------
    name : str
        Its name.
    make : callable
        ``make(dimension, threads=..., floor_score=..., loss_budget=..., rank_from=..., training=...)`` gives
        a `biomatch.gallery.memory.local.Index`; one that ignores the options takes ``**options``.
    replace : bool
        Whether an index that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from biomatch.gallery import Gallery
    >>> from biomatch.gallery.flat import FlatIndex
    >>> register_index("my-flat", lambda dimension, **options: FlatIndex())
    >>> gallery = Gallery(dimension=4, index="my-flat")
    >>> gallery.enrol(np.array([7]), np.eye(4, dtype=np.float32)[:1])
    >>> gallery.identify(np.eye(4, dtype=np.float32)[:1], list_length=1).reference_id.tolist()
    [[7]]
    >>> INDEXES.remove("my-flat")
    """
    INDEXES.add(name, make, replace=replace)
