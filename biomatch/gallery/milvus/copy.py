"""What Milvus holds, as a gallery in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from biomatch.errors import GalleryError
from biomatch.gallery.flat import FlatIndex
from biomatch.gallery.memory.local import LocalGallery
from biomatch.gallery.where import UNKNOWN_TIME


def local_copy(rows: list[dict[str, Any]], dimension: int) -> LocalGallery:
    """Make a gallery in memory of a collection's rows, in ascending order of reference_id."""
    rows = sorted(rows, key=lambda row: int(row["reference_id"]))
    local = LocalGallery(dimension, FlatIndex())
    times = np.array([row["received_at"] for row in rows], np.int64)
    about: dict[str, Any] = {"received": times if (times != UNKNOWN_TIME).any() else None}
    for name in ("port", "kind"):
        said = [row[name] for row in rows]
        if any(said) and not all(said):
            raise GalleryError(f"some references have a {name} and some have none", allowed="all or none")
        about[f"{name}s"] = said if any(said) else None
    if rows:
        templates = np.array([row["template"] for row in rows], np.float32)
        local.enrol(np.array([row["reference_id"] for row in rows], np.int64), templates, **about)
    return local
