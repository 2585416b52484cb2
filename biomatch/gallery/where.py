"""Which references a search may return: by port, kind, time of receipt, or named one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.door import checked_ids

UNKNOWN_TIME = np.iinfo(np.int64).min


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
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise GalleryError(f"{name} = {value!r}", allowed="a sequence of names")
            object.__setattr__(self, name, tuple(value))
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
    if isinstance(moment, dt.datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    if isinstance(moment, np.datetime64) and not np.isnat(moment):
        return int(moment.astype("datetime64[ms]").astype(np.int64))
    if isinstance(moment, (int, np.integer)) and not isinstance(moment, bool):
        return int(moment)
    raise GalleryError(
        f"time {moment!r}", allowed="a datetime, numpy.datetime64, or milliseconds since 1970 (UTC)"
    )


def times(received_at: Any, count: int) -> NDArray[np.int64] | None:
    """Give times of receipt as int64 milliseconds, shape (count,); None where none were given.

    Parameters
    ----------
    received_at : ndarray of datetime64 or int64, one moment for all, or None
        As `enrol` takes it.
    """
    if received_at is None:
        return None
    if isinstance(received_at, np.ndarray) and received_at.ndim == 1:
        if received_at.dtype.kind == "M":
            found = received_at.astype("datetime64[ms]").astype(np.int64)
        elif received_at.dtype.kind in "iu":
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
    found = [names] * count if isinstance(names, str) else [str(name) for name in names]
    if len(found) != count or not all(found):
        raise GalleryError(
            f"{what} has {len(found)} names, {found.count('')} of them empty",
            allowed=f"one for all, or {count}: one for each reference",
        )
    return found
