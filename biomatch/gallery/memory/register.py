"""Who is enrolled in which row, who was retired, and what a filter may ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.door import checked_ids
from biomatch.gallery.memory.growing import Column
from biomatch.gallery.where import UNKNOWN_TIME, Where

RECORD = np.dtype([("id", "<i8"), ("time", "<i8"), ("port", "<i2"), ("kind", "<i2")])
"""A row of the register on disk; time `UNKNOWN_TIME` and code -1: never said."""


class Register:
    """The rows of a gallery: reference id, searched or not, port, kind, time of receipt.

    A register is never changed: `appended`, `retired` and `kept` give the next one. Memory is 9 bytes a
    reference, and as much more as is used: 12 for ids that do not ascend, 2 for ports, 2 for kinds, 8 for
    times of receipt.
    """

    def __init__(self) -> None:
        self._ids, self._active = Column.empty(np.int64), Column.empty(np.bool_)
        self._labels: dict[str, _Labels] = {"port": _Labels(), "kind": _Labels()}
        self._times: Column | None = None
        self._ascending = 0  # rows [0, _ascending) hold ascending ids: they need no lookup of their own
        self._runs: tuple[tuple[NDArray[np.int64], NDArray[np.int32]], ...] = ()
        self.active_count = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Reference id of each row, shape (rows,); a view."""
        found: NDArray[np.int64] = self._ids.values
        return found

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which rows are enrolled and not retired; a view."""
        found: NDArray[np.bool_] = self._active.values
        return found

    def appended(
        self,
        ids: NDArray[np.int64],
        ports: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        received: NDArray[np.int64] | None = None,
    ) -> Register:
        """Give a register with more rows; the ids have been checked by `refuse_enrolled`."""
        first, made = len(self), copy(self)
        if len(ids) == 0:
            return made
        made._ids = self._ids.appended(ids)
        made._active = self._active.appended(np.ones(len(ids), np.bool_))
        given = {"port": ports, "kind": kinds}
        made._labels = {
            name: names.appended(given[name], first, len(ids)) for name, names in self._labels.items()
        }
        if received is not None and self._times is None:
            made._times = Column.of(np.full(first, UNKNOWN_TIME))
        if made._times is not None:
            made._times = made._times.appended(
                np.full(len(ids), UNKNOWN_TIME) if received is None else received
            )
        made.active_count = self.active_count + len(ids)
        made._look_up_later(ids, first)
        return made

    def _look_up_later(self, ids: NDArray[np.int64], first: int) -> None:
        last = self.ids[first - 1] if first else -1
        if first == self._ascending and ids[0] > last and (ids[1:] > ids[:-1]).all():
            self._ascending = first + len(ids)
            return
        rows = np.arange(first, first + len(ids), dtype=np.int32)
        order = np.argsort(ids)
        run = ids[order], rows[order]
        runs = list(self._runs)
        # Runs are merged while the older one is not twice as long: each row is merged O(log N) times.
        while runs and len(runs[-1][0]) < 2 * len(run[0]):
            older = runs.pop()
            merged, where = np.concatenate([older[0], run[0]]), np.concatenate([older[1], run[1]])
            used = self.active[where]
            merged, where = merged[used], where[used]
            order = np.argsort(merged, kind="stable")
            run = merged[order], where[order]
        self._runs = (*runs, run)

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each id, int64, -1 where it is not enrolled (or was retired)."""
        found = np.full(len(ids), -1, np.int64)
        runs: list[tuple[NDArray[np.int64], NDArray[Any] | None]] = [(self.ids[: self._ascending], None)]
        for sorted_ids, rows in [*runs, *self._runs]:
            if not len(sorted_ids):
                continue
            place = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
            candidate = place if rows is None else rows[place].astype(np.int64)
            hit = (sorted_ids[place] == ids) & self.active[candidate]
            found[hit] = candidate[hit]
        return found

    def refuse_enrolled(self, ids: NDArray[np.int64]) -> None:
        """Refuse ids that are enrolled already."""
        there = self.rows_of(ids) >= 0
        if there.any():
            raise GalleryError(
                f"reference {int(ids[np.argmax(there)])} is enrolled already",
                allowed="each id once at a time",
                remedy="retire it first, or give the new template an id of its own",
            )

    def refuse_names(self, ports: Sequence[str] | None, kinds: Sequence[str] | None) -> None:
        """Refuse more different ports or kinds than there are codes for."""
        for name, given in (("port", ports), ("kind", kinds)):
            count = len(self._labels[name].known.keys() | set(given or ()))
            if count > np.iinfo(np.int16).max:
                raise GalleryError(f"{count} different names of {name}", allowed="up to 32,767")

    def enrolled_rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each id; refuses ids that are not enrolled."""
        rows = self.rows_of(ids)
        if (rows < 0).any():
            raise GalleryError(
                f"reference {int(ids[np.argmin(rows)])} is not enrolled", allowed="references of this gallery"
            )
        return rows

    def held_rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Every row, retired ones too, that still holds something of these ids; ascending."""
        return np.flatnonzero(np.isin(self.ids, ids))

    def retired(self, rows: NDArray[np.int64]) -> Register:
        """Give a register in which these rows are not searched."""
        made = copy(self)
        made.active_count = self.active_count - int(self.active[rows].sum())
        made._active = self._active.changed(rows, False)
        return made

    def searched(self, where: Where | None) -> NDArray[np.bool_] | None:
        """Which rows a search may return, shape (rows,); None: all of them."""
        if where is None:
            return None if self.active_count == len(self) else self.active
        return self._filtered(self.active.copy(), where)

    def named(self, where: Where) -> NDArray[np.bool_]:
        """Which rows a filter names, retired ones too, shape (rows,)."""
        return self._filtered(np.ones(len(self), np.bool_), where)

    def _filtered(self, mask: NDArray[np.bool_], where: Where) -> NDArray[np.bool_]:
        for name, wanted in (("port", where.ports), ("kind", where.kinds)):
            if wanted is not None:
                self._labels[name].filter(mask, wanted, name)
        if where.received_before_ms is not None:
            times = np.full(len(self), UNKNOWN_TIME) if self._times is None else self._times.values
            _refuse_unknown(mask & (times == UNKNOWN_TIME), "received_at")
            mask &= times < where.received_before_ms
        if where.reference_ids is not None:
            rows = self.rows_of(where.reference_ids)
            named = np.zeros(len(self), np.bool_)
            named[rows[rows >= 0]] = True
            mask &= named
        return mask

    def kept(self, rows: NDArray[np.int64]) -> Register:
        """Give a register of these rows (ascending)."""
        made = copy(self)
        made._ids, made._active = self._ids.kept(rows), self._active.kept(rows)
        made._times = None if self._times is None else self._times.kept(rows)
        made._labels = {name: names.kept(rows) for name, names in self._labels.items()}
        made._look_up_all()
        return made

    def _look_up_all(self) -> None:
        """Count who is enrolled and make the lookup anew."""
        self.active_count = int(self.active.sum())
        self._runs, ids = (), self.ids
        falls = np.flatnonzero(ids[1:] <= ids[:-1])
        self._ascending = int(falls[0]) + 1 if len(falls) else len(ids)
        if self._ascending < len(ids):
            rest = np.arange(self._ascending, len(ids), dtype=np.int32)
            rest = rest[self.active[rest]]
            order = np.argsort(ids[rest], kind="stable")
            self._runs = ((ids[rest][order], rest[order]),)

    def pieces(self) -> list[NDArray[Any]]:
        """Give the arrays that hold what is known of the rows, to be overwritten after an erasure."""
        found = [self._ids.room] if self._times is None else [self._ids.room, self._times.room]
        return found + [array for run in self._runs for array in run]

    # -- on disk ------------------------------------------------------------------------------------

    def records(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        """Copy rows as records, shape (n,), dtype `RECORD`."""
        found = np.zeros(len(rows), RECORD)
        found["id"] = self.ids[rows]
        found["time"] = UNKNOWN_TIME if self._times is None else self._times.values[rows]
        for name, names in self._labels.items():
            found[name] = names.codes(rows)
        return found

    def names(self) -> dict[str, list[str]]:
        """Give the names that the codes of records stand for."""
        return {name: list(names.known) for name, names in self._labels.items()}

    @classmethod
    def of(
        cls, records: NDArray[np.void], names: Mapping[str, Sequence[str]], active: NDArray[np.bool_]
    ) -> Register:
        """Make a register from records.

        Raises
        ------
        GalleryError
            For ids out of range, an enrolled id twice, or a code without a name.
        """
        ids = np.ascontiguousarray(records["id"]).astype(np.int64)
        checked_ids(ids, unique=False)
        checked_ids(ids[active])
        made = cls()
        made._labels = {
            name: _Labels.of(records[name].astype(np.int16), names[name], name) for name in made._labels
        }
        made._ids, made._active = Column.of(ids), Column.of(active)
        times = np.ascontiguousarray(records["time"]).astype(np.int64)
        if (times != UNKNOWN_TIME).any():
            made._times = Column.of(times)
        made._look_up_all()
        return made


def _refuse_unknown(unknown: NDArray[np.bool_], name: str) -> None:
    if unknown.any():
        raise GalleryError(
            f"{int(unknown.sum())} references were enrolled without {name}",
            allowed=f"a filter by {name} where every reference has one",
            remedy=f"give {name} when enrolling",
        )


class _Labels:
    """A column of names, kept as int16 codes; no memory until the first name is given."""

    def __init__(self, codes: Column | None = None, known: dict[str, int] | None = None) -> None:
        self._codes = codes
        self.known = {} if known is None else known

    def appended(self, names: Sequence[str] | None, first: int, count: int) -> _Labels:
        if names is None and self._codes is None:
            return self
        codes = Column.of(np.full(first, -1, np.int16)) if self._codes is None else self._codes
        if names is None:
            return _Labels(codes.appended(np.full(count, -1, np.int16)), self.known)
        known = self.known
        new = [name for name in dict.fromkeys(names) if name not in known]
        if new:
            known = {**known, **{name: len(known) + at for at, name in enumerate(new)}}
        return _Labels(codes.appended(np.array([known[name] for name in names], np.int16)), known)

    def filter(self, mask: NDArray[np.bool_], wanted: Sequence[str], name: str) -> None:
        if self._codes is None:
            _refuse_unknown(mask, name)
            return
        _refuse_unknown(mask & (self._codes.values == -1), name)
        codes = [self.known[label] for label in wanted if label in self.known]
        mask &= np.isin(self._codes.values, np.array(codes, np.int16))

    def kept(self, rows: NDArray[np.int64]) -> _Labels:
        return _Labels(None if self._codes is None else self._codes.kept(rows), self.known)

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.int16]:
        return np.full(len(rows), -1, np.int16) if self._codes is None else self._codes.values[rows]

    @classmethod
    def of(cls, codes: NDArray[np.int16], known: Sequence[str], name: str) -> _Labels:
        if not all(isinstance(label, str) for label in known) or len(set(known)) != len(known):
            raise GalleryError(f"names of {name}: {list(known)!r:.200}", allowed="different words")
        if len(codes) and not (codes.min() >= -1 and codes.max() < len(known)):
            raise GalleryError(f"a reference's {name} has no name", remedy="take a copy that is whole")
        said = bool((codes >= 0).any())
        return cls(Column.of(codes) if said else None, {label: code for code, label in enumerate(known)})
