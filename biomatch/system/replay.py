"""Replays the searches of a world in time order, in batches that mean one at a time.

A probe at time t is searched only against references received before t and not yet retired; equal
times are ordered by encounter_id. A batch is searched against everything that was there for any of
its probes, a few candidates deeper than asked; candidates that were not there for the probe itself
are then struck out, and the rare list that became too short is searched again, deeper. So the answer
is that of one search at a time, at the speed of many.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.cards import Progress
from biomatch.gallery import Gallery
from biomatch.gallery.flat import exact_top
from biomatch.gallery.kinds import IndexKind
from biomatch.settings.system import System
from biomatch.system.references import references
from biomatch.system.searches import due_searches
from biomatch.tables.candidates import PADDING_ID, PADDING_SCORE, CandidateLists
from biomatch.tables.galleries import ONE_GALLERY, search_of
from biomatch.tables.observed import Observed, check_observed
from biomatch.tables.produced import SEARCHES

BATCH = 256
"""Probes a batch: large enough for BLAS, small enough that few references come or go within it."""
SLACK = 6
"""Candidates beyond L that a batch asks for, so that striking some out seldom needs a second search."""


def search(
    observed: Observed,
    system: System | str | Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CandidateLists:
    """Search every probe of a world under a system's policy; no threshold is known here.

    Parameters
    ----------
    observed : Observed
        The world's observed side.
    system : System, str or path
        The system under test; a built-in name or a TOML file will do.
    threads : int, optional
        Threads of the search; the lists are the same whatever their number.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    CandidateLists
        One list a search, of every policy, sorted by (time, encounter_id, designed, gallery).

    Raises
    ------
    WallError
        For a world in place of its observed side.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> lists = search(made.observed, "default")
    >>> lists.list_length, len(lists) == len(lists.score)
    (20, True)
    """
    check_observed(observed, 'bm.search(world.observed, "default")')
    system = System.of(system)
    refs = references(observed, system)
    due = due_searches(observed, system)
    stream = Stream(observed, refs, due, longest_list(system), progress)
    picked = {}
    for policy in system.gallery.policies:
        stream.length = system.gallery.list_length_of(policy)
        if policy in ONE_GALLERY:
            picked[policy] = stream.search_running(policy, system.gallery.index, threads)
        else:
            stream.search_closed(policy)
            picked[policy] = "flat"  # closed galleries are small, and searched exactly
    return CandidateLists(
        searches=SEARCHES.check(
            due.select("encounter_id", "gallery", "designed", "acquired")
            .with_columns(enrolled_count=pl.Series(stream.enrolled_counts()))
            .select(list(SEARCHES.columns))
        ),
        reference_id=stream.ids,
        score=stream.scores,
        references=refs,
        system=system.model_dump(mode="json"),
        world_id=observed.id,
        about={"index": picked[system.gallery.policy], "indexes": picked},
        observed=observed,
    )


def longest_list(system: System) -> int:
    """Give the width of a system's candidate lists: L of its longest; shorter ones are padded."""
    return max(system.gallery.list_length_of(policy) for policy in system.gallery.policies)


class Stream:
    """The searches of one world, compiled into arrays in time order."""

    def __init__(
        self,
        observed: Observed,
        refs: pl.DataFrame,
        due: pl.DataFrame,
        list_length: int,
        progress: Progress | None = None,
    ) -> None:
        self.templates = observed.templates
        self.length = list_length
        self.progress = progress or (lambda stage, done, total: None)
        self.ref_row = refs["template_row"].to_numpy()
        self.ref_encounter = refs["encounter_id"].to_numpy()
        self.ref_from = refs["available_from"].dt.epoch("ms").to_numpy()
        self.ref_until = refs["retired_at"].dt.epoch("ms").to_numpy()
        self.probe_row = due["template_row"].to_numpy()
        self.probe_id = due["encounter_id"].to_numpy()
        self.probe_time = due["time"].dt.epoch("ms").to_numpy()
        names = pl.concat([refs["gallery"], due["gallery"]]).unique(maintain_order=True)
        self.policy_of = names.to_frame().select(search_of())["gallery"].to_numpy().astype(str)
        codes = dict(zip(names, range(len(names)), strict=True))
        # Polars gives an empty series no type of its own where there is nothing to replace.
        self.ref_gallery, self.probe_gallery = (
            frame["gallery"].replace_strict(codes, return_dtype=pl.Int64).to_numpy().astype(np.int64)
            for frame in (refs, due)
        )
        self.ids = np.full((len(due), list_length), PADDING_ID, np.int64)
        self.scores = np.full((len(due), list_length), PADDING_SCORE, np.float32)

    # -- what was there ---------------------------------------------------------------------------

    def there(self, refs: NDArray[np.int64], probes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which references were there for which probes (arrays that broadcast; padding is False).

        Received strictly before the probe, by (time, encounter_id); retired at or after its time.
        """
        if not len(self.ref_row):
            return np.zeros(np.broadcast_shapes(refs.shape, probes.shape), np.bool_)
        safe = np.maximum(refs, 0)
        time, start = self.probe_time[probes], self.ref_from[safe]
        received = (start < time) | ((start == time) & (self.ref_encounter[safe] < self.probe_id[probes]))
        found: NDArray[np.bool_] = (refs >= 0) & received & (self.ref_until[safe] >= time)
        return found

    def enrolled_counts(self) -> NDArray[np.int64]:
        """N of every search: how many references of its gallery were there."""
        counts = np.zeros(len(self.probe_id), np.int64)
        ref_order = np.argsort(self.ref_gallery, kind="stable")
        probe_order = np.argsort(self.probe_gallery, kind="stable")
        galleries, starts = np.unique(self.probe_gallery[probe_order], return_index=True)
        bounds = np.append(starts, len(probe_order))
        lows = np.searchsorted(self.ref_gallery[ref_order], galleries, side="left")
        highs = np.searchsorted(self.ref_gallery[ref_order], galleries, side="right")
        for at in range(len(galleries)):
            probes = probe_order[bounds[at] : bounds[at + 1]]
            refs = ref_order[lows[at] : highs[at]]
            received = self._before(self.ref_from[refs], self.ref_encounter[refs], probes)
            gone = np.searchsorted(np.sort(self.ref_until[refs]), self.probe_time[probes], side="left")
            # Every reference is received before it is retired, so the difference counts who is there.
            counts[probes] = received - gone
        return counts

    def _before(
        self, times: NDArray[np.int64], encounters: NDArray[np.int64], probes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """How many (time, encounter) lie strictly before each probe's (time, encounter_id)."""
        order = np.lexsort((encounters, times))
        pairs = np.empty(len(order) + len(probes), dtype=[("time", np.int64), ("id", np.int64)])
        pairs["time"] = np.concatenate([times[order], self.probe_time[probes]])
        pairs["id"] = np.concatenate([encounters[order], self.probe_id[probes]])
        # Probes first among equals: a reference of the very same (time, id) is not before its probe.
        is_ref = np.concatenate([np.ones(len(order), np.int8), np.zeros(len(probes), np.int8)])
        merged = np.lexsort((is_ref, pairs["id"], pairs["time"]))
        seen = np.cumsum(is_ref[merged], dtype=np.int64)
        found = np.empty(len(pairs), np.int64)
        found[merged] = seen
        before: NDArray[np.int64] = found[len(order) :]
        return before

    # -- searching --------------------------------------------------------------------------------

    def _keep(
        self, probes: NDArray[np.int64], ids: NDArray[np.int64], scores: NDArray[np.float32], exhausted: bool
    ) -> NDArray[np.int64]:
        """Strike out who was not there, keep the best L; give the probes whose list may be too short."""
        valid = self.there(ids, probes[:, None])
        order = np.argsort(~valid, axis=1, kind="stable")[:, : self.length]
        kept = np.take_along_axis(valid, order, axis=1)
        width = order.shape[1]
        self.ids[probes, :width] = np.where(kept, np.take_along_axis(ids, order, axis=1), PADDING_ID)
        self.scores[probes, :width] = np.where(
            kept, np.take_along_axis(scores, order, axis=1), np.float32(PADDING_SCORE)
        )
        if exhausted:
            return probes[:0]
        short: NDArray[np.int64] = probes[(valid.sum(axis=1) < self.length) & (ids[:, -1] >= 0)]
        return short

    def _probes_of(self, policy: str) -> NDArray[np.int64]:
        """Acquired probes of one policy's searches, in time order."""
        mine = self.policy_of == policy
        return np.flatnonzero((self.probe_row >= 0) & mine[self.probe_gallery])

    def search_closed(self, policy: str) -> None:
        """Search galleries that are built once: a departure's manifest, a port's day."""
        acquired = self._probes_of(policy)
        by_gallery = acquired[np.argsort(self.probe_gallery[acquired], kind="stable")]
        galleries, starts = np.unique(self.probe_gallery[by_gallery], return_index=True)
        bounds = np.append(starts, len(by_gallery))
        order = np.argsort(self.ref_gallery, kind="stable")
        sorted_galleries = self.ref_gallery[order]
        done = 0
        for at, gallery in enumerate(galleries):
            low, high = np.searchsorted(sorted_galleries, [gallery, gallery + 1])
            refs = order[low:high]
            enrolled = np.ascontiguousarray(self.templates[self.ref_row[refs]])
            for begin in range(bounds[at], bounds[at + 1], BATCH):
                probes = by_gallery[begin : min(begin + BATCH, bounds[at + 1])]
                faces = np.ascontiguousarray(self.templates[self.probe_row[probes]])
                depth = self.length + SLACK
                while len(probes):
                    found = exact_top(faces, enrolled, refs, depth)
                    short = self._keep(probes, found.reference_id, found.score, depth >= len(refs))
                    faces, probes, depth = faces[np.isin(probes, short)], short, depth * 8
            done += int(bounds[at + 1] - bounds[at])
            self.progress(f"search {policy}", done, len(by_gallery))

    def search_running(self, policy: str, index: IndexKind, threads: int | None) -> str:
        """Search one gallery that people enter and leave while time goes on; name the index that it took."""
        gallery = Gallery(dimension=self.templates.shape[1], index=index, threads=threads)
        refs = np.flatnonzero((self.policy_of == policy)[self.ref_gallery])
        arriving = refs[np.argsort(self.ref_from[refs], kind="stable")]
        leaving = refs[np.argsort(self.ref_until[refs], kind="stable")]
        arrival_times, leave_times = self.ref_from[arriving], self.ref_until[leaving]
        arrived = left = 0
        acquired = self._probes_of(policy)
        for begin in range(0, len(acquired), BATCH):
            probes = acquired[begin : begin + BATCH]
            first, last = self.probe_time[probes[0]], self.probe_time[probes[-1]]
            until = int(np.searchsorted(arrival_times, last, side="right"))
            if until > arrived:
                new = arriving[arrived:until]
                gallery.enrol(new, np.ascontiguousarray(self.templates[self.ref_row[new]]))
                arrived = until
            gone = int(np.searchsorted(leave_times, first, side="left"))
            if gone > left:
                gallery.retire(leaving[left:gone])
                left = gone
            self._search_batch(gallery, probes)
            self.progress(f"search {policy}", begin + len(probes), len(acquired))
        return str(gallery.about()["index"])

    def _search_batch(self, gallery: Gallery, probes: NDArray[np.int64]) -> None:
        faces = np.ascontiguousarray(self.templates[self.probe_row[probes]])
        depth = self.length + SLACK
        while len(probes):
            found = gallery.identify(faces, list_length=depth)
            short = self._keep(probes, found.reference_id, found.score, depth >= len(gallery))
            faces, probes, depth = faces[np.isin(probes, short)], short, depth * 8
