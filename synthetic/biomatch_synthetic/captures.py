"""Captures: where a camera is, what becomes of each attempt, and every photo that a world needs."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from biomatch.portable.types import Ints
from biomatch.settings.border import Mode
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream
from biomatch.tables.observed import FAILURES
from biomatch.tables.storage import reserve_array
from biomatch_synthetic.coverage import by_day
from biomatch_synthetic.draft import CAPTURE, DAY_MS, ENTRY, PORT, Draft
from biomatch_synthetic.exit_captures import add_exit_captures, attach_captures
from biomatch_synthetic.faces import FaceSpace, Shots, render
from biomatch_synthetic.faces import People as Faces
from biomatch_synthetic.itineraries.trips import port_modes
from biomatch_synthetic.people import REGIONS

DOCUMENT_CAPTURES, WATCHLIST_CAPTURES = 1 << 40, 1 << 41
"""Where the capture keys of documents' photos and of the watchlist's begin; encounters come before."""
ATTEMPTS = 8
"""Capture keys kept for the attempts of an encounter."""
CHUNK = 1 << 14
"""Captures that one thread makes at a time; a multiple of the renderer's block."""
THREADS = 2
MODES_OF: tuple[Mode, ...] = ("air", "sea", "land")
"""As in `biomatch.tables.observed.MODES`, by their type."""
GROUPS = [f"{region} {sex}" for region in REGIONS for sex in "FM"]


@dataclass(eq=False)
class Captured:
    """What cameras made of encounters, one entry an encounter, and where all templates lie.

    Attributes
    ----------
    failure : ndarray
        Shape (n,), int64, place in ``FAILURES``.
    attempts, camera : ndarray
        Shape (n,), int64; camera -1: none.
    quality : ndarray
        Shape (n,), float32; NaN where there is no template.
    row, document_row, watchlist_row : ndarray
        int64, rows of the templates of encounters, documents and watchlist; -1: none.
    templates : ndarray
        Shape (rows, d), float32.
    """

    failure: Ints
    attempts: Ints
    camera: Ints
    quality: NDArray[np.float32]
    row: Ints
    document_row: Ints
    watchlist_row: Ints
    templates: NDArray[np.float32]


def faces_of(draft: Draft) -> tuple[FaceSpace, Faces]:
    """Make the face space of a world and everybody's place in it."""
    people, settings = draft.people, draft.scenario.faces
    profile = settings.face_profile()
    twin = np.where(people.identical, people.face[np.maximum(people.twin, 0)], -1)
    group = np.array(GROUPS)[people.group()]
    faces = Faces.make(
        profile,
        people.face,
        group=group.tolist(),
        family_id=people.blood,
        identical_twin_id=twin,
        female=people.female,
    )
    return FaceSpace(profile, seed=draft.seed), faces


def make_captures(
    draft: Draft,
    space: FaceSpace,
    faces: Faces,
    templates_path: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Captured:
    """Photograph everybody: at the port, in documents, on the watchlist.

    Parameters
    ----------
    space, faces
        As `faces_of` gives them.
    templates_path : pathlib.Path, optional
        Where to write the templates as a memory-mapped ``.npy``; default: in memory.
    progress : callable, optional
        Called with (``"faces"``, done, total).
    """
    add_exit_captures(draft)
    failure, camera = _cameras(draft)
    # A camera that failed leaves no record where there is no other.
    kept = np.flatnonzero((draft.encounters["source"] != CAPTURE) | (failure == FAILURES.index("none")))
    if len(kept) < len(failure):
        draft.encounters, failure, camera = draft.encounters.take(kept), failure[kept], camera[kept]
    attach_captures(draft)
    taken = np.flatnonzero(failure == FAILURES.index("none"))
    shots, attempts = _attempts(draft, space, faces, taken, camera)
    pictured, portraits = _portraits(draft)
    wanted = _wanted(draft)

    parts = [shots, portraits, wanted]
    everything = Shots(
        person_id=np.concatenate([part.person_id for part in parts]),
        capture_id=np.concatenate([part.capture_id for part in parts]),
        year=np.concatenate([part.year for part in parts]),
        enrolment=np.concatenate([part.enrolment for part in parts]),
        camera=np.concatenate([part.camera for part in parts]),
        noise_factor=np.concatenate([part.noise_factor for part in parts]),
        second_person_id=np.concatenate([part.second_person_id for part in parts]),
    )
    total = len(everything)
    # The permutation is drawn for itself: a template's row says nothing about anybody.
    rows = stream(draft.seed, "captures.rows").permutation(total)
    templates, quality = _render(space, faces, everything, rows, templates_path, progress)

    count, documents = len(draft.encounters), len(draft.documents)
    tried = np.zeros(count, np.int64)
    tried[taken] = attempts
    lost = np.flatnonzero((failure != 0) & (camera >= 0))
    tried[lost] = np.where(
        failure[lost] == FAILURES.index("opt_out"), 0, draft.scenario.captures.max_attempts
    )
    row, found = np.full(count, -1), np.full(count, np.nan, np.float32)
    row[taken], found[taken] = rows[: len(taken)], quality[: len(taken)]
    document_row = np.full(documents, -1)
    document_row[pictured] = rows[len(taken) : len(taken) + len(pictured)]
    return Captured(
        failure, tried, camera, found, row, document_row, rows[len(taken) + len(pictured) :], templates
    )


def _cameras(draft: Draft) -> tuple[Ints, Ints]:
    """Say where a capture was due and by which camera, and which captures failed altogether."""
    encounters, settings, seed = draft.encounters, draft.scenario.captures, draft.seed
    count = len(encounters)
    modes = port_modes(draft.scenario)
    at_port = np.isin(encounters["source"], (PORT, CAPTURE))
    mode = modes[np.maximum(encounters["port"], 0)]
    entry = encounters["direction"] == ENTRY
    day = np.clip(encounters["time"] // DAY_MS, 0, draft.scenario.days - 1)
    covered = _coverage(draft.scenario)[mode, entry.astype(int), day]
    # A gate has a camera or it has none: everybody on one departure shares that; at land each by themselves.
    gate = stream(seed, "captures.gate").random(max(len(draft.movements), 1))
    alone = stream(seed, "captures.lane").random(count)
    carried = encounters["movement"] >= 0
    luck = np.where(carried & ~entry, gate[np.maximum(encounters["movement"], 0)], alone)
    due = at_port & (luck < covered)

    lanes = settings.cameras_a_port
    lane = stream(seed, "captures.camera").integers(0, lanes, count)
    lane = np.where(carried & ~entry, encounters["movement"] % lanes, lane)
    camera = np.where(due, encounters["port"] * lanes + lane, -1)

    failure = np.where(due, FAILURES.index("none"), FAILURES.index("not_attempted"))
    resident = draft.journeys["resident"][encounters["journey"]]
    refuses = np.where(resident, settings.opt_out_residents, settings.opt_out_visitors)
    opts_out = due & (stream(seed, "captures.opt_out").random(count) < refuses)
    hidden = np.minimum(settings.failure_to_acquire * np.where(encounters["noise"] > 1.0, 3.0, 1.0), 1.0)
    fails = due & ~opts_out & (stream(seed, "captures.fails").random(count) < hidden)
    names = list(settings.failure_reasons)
    ladder = np.cumsum([settings.failure_reasons[name] for name in names])
    which = np.searchsorted(ladder, stream(seed, "captures.reason").random(count), side="right")
    reasons = np.array([FAILURES.index(name) for name in names])[np.minimum(which, len(names) - 1)]
    failure = np.where(fails, reasons, failure)
    return np.where(opts_out, FAILURES.index("opt_out"), failure), camera


def _coverage(scenario: Scenario) -> NDArray[np.float64]:
    """Give the share of cameras by mode, direction (exit, entry) and day; shape (modes, 2, days)."""
    settings = scenario.captures
    parts = (
        (settings.exit_coverage, settings.exit_coverage_from),
        (
            settings.entry_coverage,
            settings.entry_coverage_from,
        ),
    )
    return np.array(
        [
            [
                by_day(scenario, before[mode], {day: of[mode] for day, of in steps.items() if mode in of})
                for before, steps in parts
            ]
            for mode in MODES_OF
        ]
    )


def _attempts(draft: Draft, space: FaceSpace, faces: Faces, taken: Ints, camera: Ints) -> tuple[Shots, Ints]:
    """Take images until one is good enough or the attempts are used up; the last one is kept."""
    settings, encounters = draft.scenario.captures, draft.encounters
    shots = Shots.of(
        draft.people.face[encounters["person"][taken]],
        taken * ATTEMPTS,
        year=_years(draft)[taken],
        camera=camera[taken],
        noise_factor=encounters["noise"][taken],
    )
    attempt = np.zeros(len(taken), np.int64)
    open_ = np.arange(len(taken))
    for _ in range(settings.max_attempts - 1):
        quality = space.conditions(faces, _with_attempt(shots, attempt).take(open_)).quality
        open_ = open_[quality < settings.retry_below]
        attempt[open_] += 1
    return _with_attempt(shots, attempt), attempt + 1


def _with_attempt(shots: Shots, attempt: Ints) -> Shots:
    return Shots.of(
        shots.person_id,
        shots.capture_id + attempt,
        year=shots.year,
        camera=shots.camera,
        noise_factor=shots.noise_factor,
    )


def _years(draft: Draft) -> NDArray[np.float64]:
    """Years from the first day; within one short stay the face is the same (which halves the work)."""
    encounters, journeys = draft.encounters, draft.journeys
    year = encounters["time"] / DAY_MS / 365.25
    journey = encounters["journey"]
    length = journeys["end"][journey] - journeys["begin"][journey]
    begin = journeys["begin"][journey] / 365.25
    return np.where(length < draft.scenario.faces.same_face_days, begin, year)


def _portraits(draft: Draft) -> tuple[Ints, Shots]:
    """Photos in documents, taken on the day of issue; residents' visas do not exist."""
    documents, people = draft.documents, draft.people
    # Nobody's passport who never travels and lends it to nobody is of interest.
    used = np.zeros(len(documents), np.bool_)
    used[np.unique(draft.encounters["document"])] = True
    travels = people.party[documents["person"]] >= 0
    rows = np.flatnonzero(documents["photo"] & (travels | used))
    second = documents["second"][rows]
    shots = Shots.of(
        people.face[documents["person"][rows]],
        DOCUMENT_CAPTURES + rows,
        year=documents["issued"][rows] / 365.25,
        enrolment=True,
        second_person_id=np.where(second >= 0, people.face[np.maximum(second, 0)], -1),
    )
    return rows, shots


def _wanted(draft: Draft) -> Shots:
    """Reference photos of the watchlist, up to eight years old (assumed)."""
    count = len(draft.wanted)
    age = stream(draft.seed, "watchlist.photo_age").random(count) * 8.0
    return Shots.of(
        draft.people.face[draft.wanted], WATCHLIST_CAPTURES + np.arange(count), year=-age, enrolment=True
    )


def _render(
    space: FaceSpace,
    faces: Faces,
    shots: Shots,
    rows: Ints,
    path: Path | None,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Render all captures into their rows, a chunk a thread; the chunks do not depend on the threads."""
    total = len(shots)
    shape = (total, space.dimension)
    if path is None or total == 0:
        templates = np.empty(shape, np.float32)
        if path is not None:
            np.save(path, templates)
    else:
        templates = reserve_array(path, shape, np.float32)
    quality = np.empty(total, np.float32)
    order = np.lexsort((shots.capture_id, shots.year, shots.person_id))
    done = 0

    def work(first: int) -> int:
        part = order[first : first + CHUNK]
        quality[part] = render(space, faces, shots.take(part), templates, out_row=rows[part]).quality
        return len(part)

    # One thread of BLAS each: its own threads would fight with these (measured: ten times slower).
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
        for finished in pool.map(work, range(0, total, CHUNK)):
            done += finished
            _release(templates)
            if progress is not None:
                progress("faces", done, total)
    return templates, quality


def _release(templates: NDArray[np.float32]) -> None:
    """Let go of mapped pages that were written: the file keeps them, the process's memory need not."""
    pages: object = templates.base
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)
