"""A world in the making: plain columns by name, with rows that stages add to and change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.settings.scenario import Scenario
from biomatch_synthetic.itineraries.trips import Trips
from biomatch_synthetic.people import Parties, People

Array = NDArray[Any]
DAY_MS = 86_400_000
ENTRY, EXIT = 0, 1
PORT, MANIFEST, NEIGHBOUR, CAPTURE = 0, 1, 2, 3
PASSPORT, VISA = 0, 1


class Table:
    """Columns of equal length, by name.

    Parameters
    ----------
    columns : mapping of str to array
        Each of shape (n,).
    """

    def __init__(self, columns: Mapping[str, Array]) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def __setitem__(self, name: str, values: Array) -> None:
        self._columns[name] = np.asarray(values)

    def take(self, rows: Array) -> Table:
        """Select rows."""
        return Table({name: values[rows] for name, values in self._columns.items()})

    def copy_rows(self, rows: Array, **changes: Array | int | float | bool) -> Array:
        """Append copies of rows with some columns changed; give the new rows' places."""
        begin = len(self)
        for name, values in self._columns.items():
            added = values[rows].copy()
            if name in changes:
                added[...] = changes.pop(name)
            self._columns[name] = np.concatenate([values, added])
        if changes:
            raise KeyError(", ".join(changes))
        return np.arange(begin, begin + len(rows))


@dataclass(eq=False)
class Draft:
    """Everything about a world before it is separated into observed and truth.

    Attributes
    ----------
    journeys : Table
        A row a person and trip: person, trip, resident, begin, end (days), entry, exit (rows of
        `encounters`; -1: none), lawful (last lawful day).
    documents : Table
        A row a document: person, second (other contributor to the photo, -1), kind, issuer, region,
        family_name, given_name, birth, female, nationality, issued, expires (days), photo, spelling (0: as
        others), given_unknown.
    encounters : Table
        A row a record: journey, person, claimed, document, direction, source, time, recorded
        (milliseconds from the first day's midnight), received (delay), port, movement,
        leg (who moves together), admission,
        permitted, number_error (0: none), name_error, birth_error, noise.
    movements : Table
        A row a departure or arrival of a carrier.
    manifests : Table
        A row a line of a manifest.
    passport : ndarray
        Row of each person's present passport.
    second_passport, old_passport : ndarray
        Rows of a second and of the last passport; -1: none. `renewed` is the day of the present one.
    events : list
        Subversion: (kind, encounter or -1, actor, victim or -1, document or -1).
    """

    scenario: Scenario
    seed: int
    parties: Parties
    people: People
    trips: Trips
    journeys: Table = field(default_factory=lambda: Table({"person": np.zeros(0, np.int64)}))
    documents: Table = field(default_factory=lambda: Table({"person": np.zeros(0, np.int64)}))
    encounters: Table = field(default_factory=lambda: Table({"person": np.zeros(0, np.int64)}))
    movements: Table = field(default_factory=lambda: Table({"port": np.zeros(0, np.int64)}))
    manifests: Table = field(default_factory=lambda: Table({"movement": np.zeros(0, np.int64)}))
    passport: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    second_passport: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    old_passport: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    renewed: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    kin: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    pool: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    wanted: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    events: list[tuple[str, Array, Array, Array, Array]] = field(default_factory=list)

    def note(
        self,
        kind: str,
        encounter: Iterable[int],
        actor: Iterable[int],
        victim: Iterable[int] | int = -1,
        document: Iterable[int] | int = -1,
    ) -> None:
        """Write down subversion, a row an encounter."""
        rows = np.asarray(encounter, dtype=np.int64)
        who, whom, which = (
            np.broadcast_to(np.asarray(v, dtype=np.int64), rows.shape) for v in (actor, victim, document)
        )
        self.events.append((kind, rows, who, whom, which))
