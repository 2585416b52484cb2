"""A user's own embeddings: untrusted arrays become unit templates with labels, or one clear message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import files
from biomatch.errors import TableError

TEMPLATE_KEYS = ("templates", "embeddings", "features", "arr_0")
MOST_LABEL = 4096
LABEL_KEYS = ("labels", "ids", "subjects", "arr_1")


def read_embeddings(
    path: str | Path, labels: str | Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Read embeddings and the subject of each.

    Parameters
    ----------
    path : path
        ``.npz`` with an array named in ``TEMPLATE_KEYS`` (n, d) and one named in ``LABEL_KEYS`` (n,), or
        ``.npy`` with the embeddings alone. Nothing is ever unpickled.
    labels : path, optional
        ``.npy``, or a text file with a label a line; needed for ``.npy``, wins over labels inside.

    Returns
    -------
    tuple of ndarray
        Templates, shape (n, d), float32, scaled to unit length; labels, shape (n,), text.

    Raises
    ------
    TableError
        For a file that is no such archive, arrays of other shapes or types, NaN, infinities, zero
        vectors, or labels that are missing or too few; names the row.
    """
    place = Path(path)
    loaded = load_arrays(place)
    if isinstance(loaded, dict):
        vectors = _pick(loaded, TEMPLATE_KEYS, place, "embeddings")
        names = loaded.get(next((key for key in LABEL_KEYS if key in loaded), ""))
    else:
        vectors, names = loaded, None
    if labels is not None:
        names = _read_labels(Path(labels))
    if names is None:
        raise TableError(
            f"{place} has no labels",
            allowed=f"an array named {' or '.join(LABEL_KEYS[:3])}",
            remedy="give --labels FILE, a label a line",
        )
    templates = unit_rows(vectors, str(place))
    if names.ndim != 1 or len(names) != len(templates):
        raise TableError(
            f"{len(names)} labels for {len(templates)} embeddings in {place}", allowed="one label each"
        )
    labelled = _texts(names, str(place))
    return templates, labelled


def _texts(names: NDArray[Any], where: str) -> NDArray[np.str_]:
    """Give labels as text; one that is empty, not a number or longer than `MOST_LABEL` is refused."""
    if names.dtype.kind not in "USiuf":
        raise TableError(f"the labels of {where} are {names.dtype}", allowed="text or whole numbers")
    if names.dtype.kind == "S":
        try:
            names = np.char.decode(names, "utf-8")
        except UnicodeDecodeError:
            raise TableError(f"the labels of {where} are no UTF-8 text", remedy="save them as text") from None
    if names.dtype.itemsize > 4 * MOST_LABEL:
        raise TableError(
            f"a label of {where} has more than {MOST_LABEL:,} characters", remedy="name people shorter"
        )
    if names.dtype.kind == "f" and not np.isfinite(names).all():
        row = int(np.argmin(np.isfinite(names)))
        raise TableError(f"the label of row {row} of {where} is no number", remedy="name every row")
    found = names.astype(np.str_)
    empty = np.char.strip(found) == ""
    if empty.any():
        raise TableError(
            f"the label of row {int(np.argmax(empty))} of {where} is empty ({int(empty.sum())} are)",
            remedy="name who is seen in every row, or leave the row out",
        )
    return found


def given_labels(labels: ArrayLike, where: str) -> NDArray[np.str_]:
    """Give labels that were handed over in Python as text, one a row.

    Raises
    ------
    TableError
        For masked arrays, truth values, None and NaN among them, and for what a file may not hold either.
    """
    values = given_array(labels, f"the labels of {where}")
    listed = values if values.dtype.kind == "O" else labels if isinstance(labels, (list, tuple)) else ()
    for row, one in enumerate(listed):
        if one is None or isinstance(one, (bool, np.bool_)) or (isinstance(one, float) and one != one):
            raise TableError(
                f"the label of row {row} of {where} is {one}", remedy="name who is seen in every row"
            )
    if values.dtype.kind == "O" and all(isinstance(one, str) for one in values.ravel()):
        values = values.astype(np.str_)
    return _texts(values, where)


def given_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """Give an array; what a mask hides would come back to life in it, so a masked one is refused."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise TableError(f"{what} in a masked array", remedy="take out what is masked")
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as fault:
        raise TableError(f"{what} that are no array ({str(fault)[:100]})", allowed="an array") from None


def unit_rows(vectors: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Scale rows to unit length, float32, refusing rows that have none; names the first bad row."""
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise TableError(
            f"{where} holds {vectors.dtype} of shape {vectors.shape}", allowed="numbers of shape (n, d)"
        )
    values = np.asarray(vectors, dtype=np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise TableError(
            f"row {int(np.argmin(finite))} of {where} is not finite ({int((~finite).sum())} rows are not)",
            remedy="leave out images that gave no embedding; they are failures to enrol",
        )
    lengths = np.linalg.norm(values, axis=1)
    if (lengths <= 0).any():
        raise TableError(f"row {int(np.argmin(lengths))} of {where} is a zero vector", remedy="leave it out")
    return np.ascontiguousarray(values / lengths[:, None], dtype=np.float32)


def centred(templates: NDArray[np.float32], centre: Sequence[float], where: str) -> NDArray[np.float32]:
    """Subtract a profile's centre from unit templates and make them unit length again.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    centre : sequence of float
        `FaceProfile.centre`, d values.
    where : str
        The file, for messages.

    Raises
    ------
    TableError
        For a centre of another dimension.
    """
    if len(centre) != templates.shape[1]:
        raise TableError(
            f"templates of {templates.shape[1]} values in {where}, a centre of {len(centre)}",
            allowed="the templates of the matcher that the profile was fitted to",
        )
    return unit_rows(templates.astype(np.float64) - np.asarray(centre, dtype=np.float64), where)


def load_arrays(place: Path) -> dict[str, NDArray[Any]] | NDArray[Any]:
    """Load a ``.npy`` or ``.npz`` file; nothing is ever unpickled, and a fault is one clear message."""
    if not files.exists(place):
        raise TableError(f"{place} does not exist", remedy="give a .npz or .npy file")
    return files.read_npz(place) if files.is_npz(place) else files.read_npy(place)


def _pick(arrays: dict[str, NDArray[Any]], keys: tuple[str, ...], place: Path, what: str) -> NDArray[Any]:
    for key in keys:
        if key in arrays:
            return arrays[key]
    raise TableError(
        f"{place} has no {what} (it has {', '.join(sorted(arrays)) or 'nothing'})",
        allowed=f"an array named {' or '.join(keys[:3])}",
    )


def _read_labels(place: Path) -> NDArray[Any]:
    if place.suffix == ".npy":
        loaded = load_arrays(place)
        if isinstance(loaded, np.ndarray):
            return loaded
    lines = files.read_text(place).splitlines()
    return np.array([line.strip() for line in lines if line.strip()], dtype=np.str_)
