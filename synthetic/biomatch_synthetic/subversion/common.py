"""What all kinds of subversion need: who visits, who is free, who looks like whom."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import pair_sums
from biomatch.portable.types import Bools, Ints
from biomatch.streams import stream
from biomatch_synthetic.captures import faces_of
from biomatch_synthetic.documents import HOME, document_at
from biomatch_synthetic.draft import PORT, Draft
from biomatch_synthetic.faces import FaceSpace
from biomatch_synthetic.faces import People as Faces
from biomatch_synthetic.itineraries.crossings import attach
from biomatch_synthetic.itineraries.trips import IN_TIME

_AT_ONCE = 1 << 13
"""Faces that are compared at once."""


class Stage:
    """A draft on which subversion is practised.

    Attributes
    ----------
    draft : Draft
        The world in the making.
    taken : ndarray
        Shape (journeys,), bool: journeys that a kind has used already.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.taken = np.zeros(len(draft.journeys), np.bool_)

    @cached_property
    def visits(self) -> Bools:
        """Journeys of visitors who were admitted at a port."""
        entry = self.draft.journeys["entry"]
        at_port = self.draft.encounters["source"][np.maximum(entry, 0)] == PORT
        found: Bools = ~self.draft.journeys["resident"] & (entry >= 0) & at_port
        return found

    @cached_property
    def last_visit(self) -> Bools:
        """Journeys after which the party makes no other."""
        trips = self.draft.trips
        last = np.zeros(len(self.draft.parties), np.int64)
        np.maximum.at(last, trips.party, trips.round)
        trip = self.draft.journeys["trip"]
        found: Bools = trips.round[trip] == last[trips.party[trip]]
        return found

    @cached_property
    def in_time(self) -> Bools:
        """Journeys that would have ended in time and nothing else happened."""
        found: Bools = self.draft.trips.fate[self.draft.journeys["trip"]] == IN_TIME
        return found

    def exits_at_port(self) -> Bools:
        """Journeys whose exit the port recorded."""
        exit_ = self.draft.journeys["exit"]
        found: Bools = (exit_ >= 0) & (self.draft.encounters["source"][np.maximum(exit_, 0)] == PORT)
        return found

    def draw(self, kind: str, per_million: float, eligible: Bools, part: str = "") -> Ints:
        """Draw journeys, so that `per_million` of all visits are of this kind; mark them as taken.

        Where fewer journeys are eligible than that needs, all of them are drawn.
        """
        free = eligible & ~self.taken
        wanted = per_million * 1e-6 * int(self.visits.sum())
        chance = min(1.0, wanted / max(int(free.sum()), 1))
        drawn = stream(self.draft.seed, f"subversion.{kind}{part}").random(len(free)) < chance
        rows = np.flatnonzero(free & drawn)
        self.taken[rows] = True
        return rows

    def encounters_of(self, journeys: Ints) -> tuple[Ints, Ints]:
        """Give the recorded encounters of journeys, and which of `journeys` each belongs to."""
        table = self.draft.journeys
        rows = np.concatenate([table["entry"][journeys], table["exit"][journeys]])
        which = np.concatenate([np.arange(len(journeys))] * 2)
        keep = rows >= 0
        return rows[keep], which[keep]

    def show(self, encounters: Ints, documents: Ints) -> None:
        """Show other documents at encounters."""
        table = self.draft.encounters
        table["document"][encounters] = documents
        table["claimed"][encounters] = self.draft.documents["person"][documents]

    def carried(self, persons: Ints, journeys: Ints) -> Ints:
        """Give the passports that persons would carry on journeys."""
        return document_at(self.draft, persons, self.draft.journeys["begin"][journeys])

    def stays_inside(self, journeys: Ints) -> None:
        """Let people stay for good, whatever the records say."""
        self.draft.journeys["end"][journeys] = np.inf

    def attach(self) -> None:
        """Pair journeys with their own person's encounters again."""
        attach(self.draft)

    # -- likeness -----------------------------------------------------------------------------------

    @cached_property
    def faces(self) -> tuple[FaceSpace, Faces]:
        """The face space of the world and everybody's place in it."""
        return faces_of(self.draft)

    @cached_property
    def relative(self) -> Ints:
        """Another person of the same blood and sex (a twin among them); -1: none."""
        people = self.draft.people
        found = np.full(len(people), -1)
        rows = np.flatnonzero(people.blood >= 0)
        rows = rows[np.lexsort((rows, people.female[rows], people.blood[rows]))]
        key = people.blood[rows] * 2 + people.female[rows]
        same = key[1:] == key[:-1]
        found[rows[:-1][same]] = rows[1:][same]
        begins = np.flatnonzero(np.append(True, ~same)) if len(rows) else rows
        ends = np.append(begins[1:], len(rows)) - 1 if len(rows) else rows
        closes = ends > begins  # the last of a family looks to the first
        found[rows[ends[closes]]] = rows[begins[closes]]
        return found

    @cached_property
    def kin_abroad(self) -> Ints:
        """A sibling of the same sex who makes no journey of their own; -1: none."""
        people, kin = self.draft.people, self.draft.kin
        key = people.blood * 2 + people.female
        order = kin[np.argsort(key[kin], kind="stable")]
        at = np.minimum(np.searchsorted(key[order], key), max(len(order) - 1, 0))
        if not len(order):
            return np.full(len(people), -1)
        return np.where((people.blood >= 0) & (key[order[at]] == key), order[at], -1)

    def look_alikes(self, kind: str, persons: Ints, among: Bools, pool: int, part: str = "") -> Ints:
        """For each person draw a pool of the same group and pick the best look-alike in it.

        Parameters
        ----------
        persons : ndarray
            Shape (n,), int64.
        among : ndarray
            Shape (people,), bool: who may be in a pool.
        pool : int
            People in a pool; fewer where a group has fewer.

        Returns
        -------
        ndarray
            Shape (n,), int64; -1 where nobody of that group is to be had.
        """
        people = self.draft.people
        if not len(persons):
            return persons.copy()
        group = people.group()
        listed = np.flatnonzero(among)
        listed = listed[np.argsort(group[listed], kind="stable")]
        low = np.searchsorted(group[listed], group[persons], side="left")
        high = np.searchsorted(group[listed], group[persons], side="right")
        drawn = stream(self.draft.seed, f"subversion.{kind}.pool{part}").random((len(persons), pool))
        place = low[:, None] + np.floor(drawn * (high - low)[:, None]).astype(np.int64)
        empty = high <= low
        candidates = listed[np.minimum(place, len(listed) - 1)] if len(listed) else np.full(place.shape, -1)
        score = self._likeness(persons, candidates)
        # Nobody is their own look-alike, and a child does not pass for a grown-up.
        apart = np.abs(people.birth[candidates] - people.birth[persons][:, None])
        score[(candidates == persons[:, None]) | empty[:, None]] = -np.inf
        score = score - np.where(apart > np.timedelta64(15 * 365, "D"), 0.5, 0.0)
        best = np.take_along_axis(candidates, score.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.where(np.isfinite(score.max(axis=1)), best, -1)

    def _likeness(self, persons: Ints, candidates: Ints) -> NDArray[np.float64]:
        """Give cosines of identities, shape of `candidates`; every face is made once."""
        space, faces = self.faces
        key = self.draft.people.face
        unique, back = np.unique(np.concatenate([persons, candidates.ravel()]), return_inverse=True)
        vectors = np.empty((len(unique), space.dimension), np.float32)
        rows = faces.rows(key[np.maximum(unique, 0)])
        for first in range(0, len(rows), 256):
            part = slice(first, first + 256)
            space.identities(faces, rows[part], out=vectors[part])
        mine, theirs = back[: len(persons)], back[len(persons) :].reshape(candidates.shape)
        scores = np.empty(candidates.shape)
        step = max(1, _AT_ONCE // candidates.shape[1])
        for first in range(0, len(persons), step):
            part = slice(first, first + step)
            scores[part] = pair_sums(vectors[mine[part]][:, None, :], vectors[theirs[part]])
        return scores

    @cached_property
    def foreign(self) -> Bools:
        """People with a foreign passport who travel."""
        people = self.draft.people
        found: Bools = (people.nationality != HOME) & (people.party >= 0)
        return found
