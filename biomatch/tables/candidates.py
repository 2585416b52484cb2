"""Candidate lists: what a search returned, before any threshold. One search serves every threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import files
from biomatch.cards import Card, Carded, facts
from biomatch.errors import TableError
from biomatch.tables import storage
from biomatch.tables.observed import Observed
from biomatch.tables.produced import REFERENCES, SEARCHES
from biomatch.tables.seals import question_of

KIND = "candidate lists"
PADDING_ID = -1
PADDING_SCORE = -np.inf


@dataclass(frozen=True, eq=False, repr=False)
class CandidateLists(Carded):
    """The candidate lists of one world under one system.

    Attributes
    ----------
    searches : polars.DataFrame
        One row a search (schema ``SEARCHES``): encounter, gallery, designed, N, acquired.
    reference_id : ndarray
        Shape (n, L), int64; row i holds the list of search i, best first, padded with -1.
    score : ndarray
        Shape (n, L), float32, descending, padded with -inf.
    references : polars.DataFrame
        Every reference that was ever enrolled (schema ``REFERENCES``).
    system : mapping
        The system's settings, as plain data.
    world_id : str
        `Observed.id` of the world that was searched.
    about : mapping
        Provenance: versions, index, seconds, notes.
    observed : Observed or None
        The world's observed side, where it is at hand: the judge reads mates' own scores from it.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world("tiny", seed=1)
    >>> lists = bm.search(made.observed, "today")
    >>> len(lists.searches) > 300
    True
    """

    searches: pl.DataFrame
    reference_id: NDArray[np.int64]
    score: NDArray[np.float32]
    references: pl.DataFrame
    system: Mapping[str, Any]
    world_id: str
    about: Mapping[str, Any] = field(default_factory=dict)
    observed: Observed | None = None

    def card(self) -> Card:
        """Say what is shown: how many lists of which system, of what length, against how many."""
        sizes = self.searches["enrolled_count"]
        return Card(
            f"CandidateLists of world {self.world_id}",
            facts(
                ("system", self.system.get("name")),
                ("searches", len(self)),
                ("candidates a list", f"L = {self.list_length}"),
                (
                    "references searched",
                    f"N = {int(np.median(sizes.to_numpy())):,} (median)" if len(self) else None,
                ),
                ("index", self.about.get("index")),
                ("threshold", "none: one search serves every threshold"),
                ("next", "bm.sweep(lists, world.truth)"),
            ),
        )

    @property
    def list_length(self) -> int:
        """L, the number of candidates that were asked for."""
        return int(self.reference_id.shape[1])

    def __len__(self) -> int:
        return len(self.searches)

    def check(self) -> CandidateLists:
        """Check shapes, types, order and padding of the lists."""
        SEARCHES.check(self.searches)
        REFERENCES.check(self.references)
        shape = (len(self.searches), self.list_length)
        for name, array, kind in (
            ("reference_id", self.reference_id, np.int64),
            ("score", self.score, np.float32),
        ):
            if array.shape != shape or array.dtype != kind:
                raise TableError(
                    f"{name} is {array.dtype} of shape {array.shape}",
                    allowed=f"{np.dtype(kind)} of {shape}",
                )
        if np.isnan(self.score).any():
            raise TableError("a candidate's score is NaN", remedy="refuse such probes before searching")
        if (self.score[:, 1:] > self.score[:, :-1]).any():
            raise TableError("a candidate list is not in descending order of score")
        if ((self.reference_id == PADDING_ID) != np.isneginf(self.score)).any():
            raise TableError("padding of ids (-1) and of scores (-inf) disagree")
        ids = np.sort(self.reference_id, axis=1)
        twice = (ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] != PADDING_ID)
        if twice.any():
            row = int(np.flatnonzero(twice.any(axis=1))[0])
            raise TableError(
                f"the candidate list of search {row} holds a reference twice", remedy="list it once"
            )
        return self

    @property
    def question(self) -> str:
        """What the lists answer: a world, and the system that searched it."""
        return question(self.world_id, self.system)

    def write(self, path: str | Path) -> None:
        """Write the lists to a folder that is whole or absent."""
        self.check()
        about = {"system": dict(self.system), "world_id": self.world_id, "provenance": dict(self.about)}
        with storage.new_folder(path, KIND, about, question=self.question) as folder:
            storage.write_table(folder, SEARCHES, self.searches)
            storage.write_table(folder, REFERENCES, self.references)
            storage.write_array(folder / "reference_id.npy", self.reference_id)
            storage.write_array(folder / "score.npy", self.score)

    @classmethod
    def read(cls, path: str | Path, observed: Observed | None = None) -> CandidateLists:
        """Read what `write` wrote; with `observed`, refuse lists of another world."""
        place = Path(path)
        contents = storage.open_folder(place, KIND)
        about = contents["about"]
        if observed is not None and observed.id != about["world_id"]:
            raise TableError(
                f"{place} holds candidate lists of world {about['world_id']}",
                allowed=f"lists of world {observed.id}",
                remedy="give the world that was searched",
            )
        return files.guarded(
            lambda: cls(
                searches=storage.read_table(place, SEARCHES, contents),
                references=storage.read_table(place, REFERENCES, contents),
                reference_id=storage.read_array(place, "reference_id.npy", contents),
                score=storage.read_array(place, "score.npy", contents),
                system=about["system"],
                world_id=about["world_id"],
                about=about["provenance"],
                observed=observed,
            ).check(),
            place,
            "a whole folder of biomatch",
        )


def question(world_id: str, system: Mapping[str, Any]) -> str:
    """Name what candidate lists answer: a world, and the system that searched it."""
    return question_of(world=world_id, system=dict(system))
