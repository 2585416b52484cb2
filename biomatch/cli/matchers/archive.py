"""Writing ``.npz`` files whole or not at all, with the same bytes for the same arrays."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import TableError

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can bear: an archive of ours says nothing about the clock."""


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays beside their place and move them there.

    Raises
    ------
    TableError
        When a folder stands there, or the disk refuses.
    """
    if path.is_dir():
        raise TableError(f"{path} is a folder", allowed="a file to write", remedy="name a .npz file")
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        beside.replace(path)
    except OSError as fault:
        raise TableError(
            f"{path} could not be written ({fault.strerror or fault})",
            remedy="free space or choose another place",
        ) from fault
    finally:
        beside.unlink(missing_ok=True)
