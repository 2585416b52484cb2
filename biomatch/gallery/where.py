"""Which references a search may return: by port, kind, time of receipt, or named one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.door import checked_ids

UNKNOWN_TIME = np.iinfo(np.int64).min
LONGEST_NAME = 1024
"""Letters of a port's or kind's name; Milvus takes 1,024 bytes."""


@dataclass(frozen=True, eq=False)
class Where:
    """A filter of references; what is None does not filter, and all that is given must hold.

    Attributes
    ----------
    ports, kinds : sequence of str or None
        Names as they were given to `enrol`.
    received_before : datetime, numpy.datetime64, int (milliseconds since 1970, UTC) or None
        Only references received strictly before.
    reference_ids : ndarray or None
        Only these; ids that are not enrolled are allowed and match nothing.

    Examples
    --------
    >>> Where(ports=["JFK"], received_before=np.datetime64("2026-01-01")).received_before_ms
    1767225600000
    """

    ports: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    received_before: Any = None
    reference_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name in ("ports", "kinds"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise GalleryError(f"{name} = {value!r:.200}", allowed="a sequence of names")
            object.__setattr__(self, name, tuple(checked_name(item, name) for item in value))
        if self.reference_ids is not None:
            object.__setattr__(self, "reference_ids", checked_ids(self.reference_ids))
        if self.received_before is not None:
            milliseconds(self.received_before)

    @property
    def received_before_ms(self) -> int | None:
        """`received_before` in milliseconds since 1970, UTC."""
        return None if self.received_before is None else milliseconds(self.received_before)


def milliseconds(moment: Any) -> int:
    """Give a moment as milliseconds since 1970, UTC; a datetime without a zone is UTC.

    Raises
    ------
    GalleryError
        For anything that is no moment.
    """
    found: int | None = None
    if isinstance(moment, dt.datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        found = (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    elif isinstance(moment, np.datetime64) and not np.isnat(moment):
        found = int(_as_milliseconds(np.array([moment]))[0])
    elif isinstance(moment, (int, np.integer)) and not isinstance(moment, bool):
        found = int(moment)
    if found is None or not UNKNOWN_TIME < found <= np.iinfo(np.int64).max:
        raise GalleryError(
            f"time {moment!r:.80}",
            allowed="a datetime, numpy.datetime64, or milliseconds since 1970 (UTC) of 64 bits",
        )
    return found


def _as_milliseconds(moments: NDArray[Any]) -> NDArray[np.int64]:
    """Convert an array of datetime64; numpy lets what does not fit wrap round."""
    found = moments.astype("datetime64[ms]")
    if (found.astype(moments.dtype) != moments)[~np.isnat(moments)].any():
        raise GalleryError("a time too far away", allowed="64 bits of milliseconds since 1970")
    return found.astype(np.int64)


def times(received_at: Any, count: int) -> NDArray[np.int64] | None:
    """Give times of receipt as int64 milliseconds, shape (count,); None where none were given.

    Parameters
    ----------
    received_at : ndarray of datetime64 or int64, one moment for all, or None
        As `enrol` takes it.
    """
    if received_at is None:
        return None
    if isinstance(received_at, np.ma.MaskedArray):
        raise GalleryError("received_at in a masked array", allowed="a time for each reference")
    if isinstance(received_at, np.ndarray) and received_at.ndim == 1:
        if received_at.dtype.kind == "M":
            found = _as_milliseconds(received_at)
        elif received_at.dtype.kind in "iu" and (received_at <= np.iinfo(np.int64).max).all():
            found = received_at.astype(np.int64)
        else:
            raise GalleryError(f"received_at of type {received_at.dtype}", allowed="datetime64 or int64")
        if len(found) != count or (found == UNKNOWN_TIME).any():
            raise GalleryError(
                f"received_at has {len(found)} times, {int((found == UNKNOWN_TIME).sum())} of them unknown",
                allowed=f"{count} times, one for each reference",
            )
        return found
    if isinstance(received_at, (list, tuple)):
        return times(np.array([milliseconds(moment) for moment in received_at], np.int64), count)
    return np.full(count, milliseconds(received_at), np.int64)


def labels(names: Any, count: int, what: str) -> Sequence[str] | None:
    """Give the names of ports or kinds, one for each reference; None where none were given."""
    if names is None:
        return None
    if isinstance(names, str):
        return [checked_name(names, what)] * count
    found = list(names) if isinstance(names, Iterable) else [names]
    if len(found) != count:
        raise GalleryError(
            f"{what} has {len(found)} names", allowed=f"one for all, or {count}: one for each reference"
        )
    return [checked_name(name, what) for name in found]


def checked_name(name: Any, what: str) -> str:
    """Check the name of a port or kind: a word that is not empty and that UTF-8 can hold.

    Raises
    ------
    GalleryError
        For anything else; None and numbers are no names.
    """
    if not isinstance(name, str) or not name or len(name) > LONGEST_NAME:
        raise GalleryError(
            f"{what} named {name!r:.80}", allowed=f"a word that is not empty, up to {LONGEST_NAME} letters"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise GalleryError(f"{what} named {name!r:.80}", allowed="letters that UTF-8 can hold") from None
    return str(name)
