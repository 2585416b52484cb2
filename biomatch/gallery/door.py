"""What may enter: checks of templates, identifiers and list lengths, before anything is changed.

A probe with NaN makes FAISS return an empty list, which would count as a correct rejection; float64,
float16 and Fortran order are accepted in silence by many libraries. Here each is a message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError

NORM_TOLERANCE = 1e-3
"""How far a template's length may be from 1: a float16 original is off by up to 5e-4 (2^-11)."""
MOST_CANDIDATES = 1 << 31
"""Places in the lists of one call (26 GB): a slip of the keyboard should not take the machine's memory."""
_CHUNK = 8192


def checked_templates(templates: Any, dimension: int | None, what: str = "templates") -> NDArray[np.float32]:
    """Check templates and give them C-contiguous.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, every row finite and of length 1 within 1e-3. One template of shape (d,)
        is refused: make it ``template[None]``. Other memory orders are copied, which changes no value; other
        types are refused, because a conversion changes scores and belongs into the caller's sight.
    dimension : int or None
        The d that is wanted; None: any.
    what : str
        How the message names the argument.

    Raises
    ------
    GalleryError
        For another type or shape, or with the first offending row.
    """
    array = _plain(templates, what)
    if array.dtype != np.float32 or not array.dtype.isnative:
        raise GalleryError(
            f"{what} of type {array.dtype}",
            allowed="float32",
            remedy="convert them where it can be seen: templates.astype(np.float32)",
        )
    wanted = "d" if dimension is None else str(dimension)
    if array.ndim != 2 or array.shape[1] < 1 or (dimension is not None and array.shape[1] != dimension):
        raise GalleryError(f"{what} of shape {array.shape}", allowed=f"(n, {wanted})")
    clean: NDArray[np.float32] = np.ascontiguousarray(array)
    for begin in range(0, len(clean), _CHUNK):
        block = clean[begin : begin + _CHUNK]
        squares = np.einsum("ij,ij->i", block, block, dtype=np.float32)
        # NaN compares false, infinity is too long, zero too short: one test finds them all.
        bad = np.flatnonzero(~(np.abs(squares - 1) <= 2 * NORM_TOLERANCE))
        if len(bad):
            _refuse(block[bad[0]], begin + int(bad[0]), what)
    return clean


def _plain(values: Any, what: str) -> NDArray[Any]:
    """Make an array of what was given; what a mask hides would come back to life in it, so it is refused."""
    if isinstance(values, np.ma.MaskedArray):
        raise GalleryError(
            f"{what} in a masked array",
            allowed="plain arrays",
            remedy="take out what is masked, and give the others as a plain array",
        )
    try:
        return values if isinstance(values, np.ndarray) else np.asarray(values)
    except (ValueError, TypeError, OverflowError) as fault:
        raise GalleryError(f"{what} that are no array ({str(fault)[:100]})", allowed="an array") from None


def _refuse(row: NDArray[np.float32], number: int, what: str) -> None:
    if np.isnan(row).any():
        fault = "contains NaN"
    elif np.isinf(row).any():
        fault = "contains an infinite value"
    elif not row.any():
        fault = "is zero"
    else:
        fault = f"has length {float(np.linalg.norm(row.astype(np.float64))):.6g}"
    raise GalleryError(
        f"row {number} of the {what} {fault}",
        allowed=f"finite rows of length 1 within {NORM_TOLERANCE:g}",
        remedy="leave failures to acquire out, and divide each row by its length",
    )


def checked_ids(reference_ids: Any, count: int | None = None, *, unique: bool = True) -> NDArray[np.int64]:
    """Check reference ids: integers from 0 to 2^63 - 1, each once (if `unique`), one for each template.

    Raises
    ------
    GalleryError
        For another type or shape, a negative id (-1 is the padding of candidate lists), or an id twice.
    """
    listed = reference_ids if isinstance(reference_ids, (list, tuple)) else ()
    if any(isinstance(one, (bool, np.bool_)) for one in listed):
        raise GalleryError("reference ids with True or False among them", allowed="int64 (n,)")
    array = _plain(reference_ids, "reference ids")
    if array.size == 0 and array.ndim == 1:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise GalleryError(
            f"reference ids of type {array.dtype} and shape {array.shape}", allowed="int64 (n,)"
        )
    if count is not None and len(array) != count:
        raise GalleryError(f"{len(array)} reference ids for {count} templates", allowed="one for each")
    outside = (array < 0) | (array > np.uint64(2**63 - 1)) if array.dtype == np.uint64 else array < 0
    if outside.any():
        raise GalleryError(
            f"reference id {int(array[np.argmax(outside)])}",
            allowed="0 to 2^63 - 1",
            remedy="-1 is the padding of candidate lists: number references from 0",
        )
    ids: NDArray[np.int64] = array.astype(np.int64)
    if unique and len(ids) > 1 and not (ids[1:] > ids[:-1]).all():
        ordered = np.sort(ids)
        twice = ordered[1:] == ordered[:-1]
        if twice.any():
            raise GalleryError(f"reference id {int(ordered[1:][twice][0])} twice", allowed="each id once")
    return ids


def checked_length(list_length: Any, probes: int = 1) -> int:
    """Check the list length L: a whole number from 1. More than N is no fault: the list is padded.

    Parameters
    ----------
    list_length
        As it was given.
    probes : int
        m; lists of more than `MOST_CANDIDATES` places together are refused.
    """
    if isinstance(list_length, (bool, np.bool_)) or not isinstance(list_length, (int, np.integer)):
        raise GalleryError(f"list_length = {list_length!r}", allowed="a whole number from 1")
    if list_length < 1:
        raise GalleryError(f"list_length = {int(list_length)}", allowed="a whole number from 1")
    if int(list_length) * max(1, probes) > MOST_CANDIDATES:
        raise GalleryError(
            f"list_length = {int(list_length)} for {probes} probes",
            allowed=f"{MOST_CANDIDATES:,} places in all lists of one call",
            remedy="ask for shorter lists, or for fewer probes at a time",
        )
    return int(list_length)
