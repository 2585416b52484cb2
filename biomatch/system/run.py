"""A run: one world under one operating point, from search to decisions, stays and alerts."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from biomatch import files
from biomatch.cards import Card, Carded, Progress, facts
from biomatch.errors import ResultsError, SettingsError
from biomatch.fraud.detect import detect
from biomatch.fraud.facts import Facts
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.decide import decide
from biomatch.system.replay import search
from biomatch.system.stays import StayBook, as_of_dates
from biomatch.tables import storage
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.observed import Observed, check_observed
from biomatch.tables.produced import ALERTS, DECISIONS, STAYS
from biomatch.tables.seals import question_of

KIND = "run"
PACKAGES = ("biomatch", "numpy", "polars", "faiss-cpu", "scipy")


@dataclass(frozen=True, eq=False)
class _Made:
    """What a run was made with and a judge asks for again."""

    book: StayBook
    facts: Facts


@dataclass(frozen=True, eq=False, repr=False)
class Run(Carded):
    """What a system did in one world.

    Attributes
    ----------
    point : OperatingPoint
        Thresholds and system.
    lists : CandidateLists
        What was found, before any threshold; its `observed` is the world's observed side.
    decisions, stays, alerts : polars.DataFrame
        Schemas ``DECISIONS``, ``STAYS`` (a row a stay and date), ``ALERTS`` (scored, not yet cut).
    about : mapping
        Provenance: versions, machine, dates; ``warnings`` where there are any.
    book : StayBook
        Stays at any threshold as of the run's last date; not written.
    facts : Facts
        What the detectors of fraud read; not written.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world("tiny", seed=1)
    >>> point = bm.OperatingPoint.of(0.4, "today")
    >>> bm.run(made.observed, at=point).decisions.height > 300
    True
    """

    point: OperatingPoint
    lists: CandidateLists
    decisions: pl.DataFrame
    stays: pl.DataFrame
    alerts: pl.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)
    _made: _Made | None = field(default=None, repr=False)

    def card(self) -> Card:
        """Say what is shown: what was decided, listed and raised."""
        outcomes = self.decisions.group_by("outcome").len().sort("outcome").iter_rows()
        last = self.stays.filter(self.stays["as_of"] == self.stays["as_of"].max())
        listed = int((last["status"] == "suspected_in_country_overstay").sum())
        return Card(
            f"Run of world {self.world_id}",
            facts(
                ("system", self.point.system.name),
                ("face threshold", self.point.face_threshold),
                ("decisions", ", ".join(f"{count:,} {name}" for name, count in outcomes)),
                ("stays", f"{last.height:,} as of {', '.join(self.about.get('on', [])[-1:])}"),
                ("suspected in-country overstays", listed),
                ("alerts before any threshold", self.alerts.height),
                ("warnings", len(self.warnings) or None),
                ("next", "bm.evaluate(run, world.truth)"),
            ),
        )

    @cached_property
    def book(self) -> StayBook:
        """The stay book of the last date: the one that the run was made with, else made when first asked."""
        return self._made.book if self._made else StayBook(self._world(), self.lists, self._last, self.point)

    @cached_property
    def facts(self) -> Facts:
        """What the detectors read: as the run was made with, else gathered when first asked."""
        if self._made:
            return self._made.facts
        links = self.book.links.stays
        unseen = self.point.system.alerts.unseen_departures
        return Facts(self._world(), self.lists, links, self._last, unseen)

    @property
    def _last(self) -> date:
        return date.fromisoformat(self.about["on"][-1])

    def _world(self) -> Observed:
        if self.lists.observed is None:
            raise ResultsError(
                "the run was read without its world",
                remedy="read it with the world's observed side: bm.Run.read(path, world.observed)",
            )
        return self.lists.observed

    @property
    def world_id(self) -> str:
        """`Observed.id` of the world."""
        return self.lists.world_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """What linkage left out, or estimated and did not believe; sentences for a person."""
        return tuple(self.about.get("warnings", ()))

    def write(self, path: str | Path) -> None:
        """Write the run to a folder that is whole or absent."""
        about = {
            "point": self.point.model_dump(mode="json"),
            "world_id": self.world_id,
            "provenance": dict(self.about),
        }
        days = self.stays["as_of"].unique().sort().cast(str).to_list()
        asked = question_of(point=about["point"], world=self.world_id, on=days)
        with storage.new_folder(path, KIND, about, question=asked) as folder:
            storage.write_table(folder, DECISIONS, self.decisions)
            storage.write_table(folder, STAYS, self.stays)
            storage.write_table(folder, ALERTS, self.alerts)
            self.lists.write(folder / "lists")

    @classmethod
    def read(cls, path: str | Path, observed: Observed | None = None) -> Run:
        """Read what `write` wrote; with `observed`, refuse a run of another world."""
        place = Path(path)
        contents = storage.open_folder(place, KIND)
        about = contents["about"]
        if observed is not None and observed.id != about["world_id"]:
            raise ResultsError(
                f"{place} is a run of world {about['world_id']}",
                allowed=f"a run of world {observed.id}",
                remedy="grade it on the world that it was made on",
            )
        return files.guarded(
            lambda: cls(
                point=OperatingPoint.from_mapping(about["point"], where=str(place)),
                lists=CandidateLists.read(place / "lists", observed),
                decisions=storage.read_table(place, DECISIONS, contents),
                stays=storage.read_table(place, STAYS, contents),
                alerts=storage.read_table(place, ALERTS, contents),
                about=about["provenance"],
            ),
            place,
            "a whole folder of biomatch",
        )


def run(
    observed: Observed,
    system: System | str | Path | None = None,
    *,
    at: OperatingPoint,
    lists: CandidateLists | None = None,
    on: Sequence[date] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a system on a world at an operating point.

    Parameters
    ----------
    observed : Observed
        What the system may see.
    system : System, str or path, optional
        Must be the point's own; given for the reader's sake.
    at : OperatingPoint
        Thresholds, and the system that they belong to.
    lists : CandidateLists, optional
        Candidate lists of this world under this system, to save the search.
    on : sequence of datetime.date, optional
        Dates as of which stays are listed; default: the world's last day.

    Raises
    ------
    ResultsError
        For a system or lists that are not the point's.
    SettingsError
        For something that is not an operating point, such as a threshold alone.
    WallError
        For a world in place of its observed side.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> done = run(made.observed, at=OperatingPoint.of(0.4, System.load("default")))
    >>> sorted(done.decisions["outcome"].cast(str).unique())
    ['match', 'no_match', 'not_acquired']
    >>> done.stays.height > 50
    True
    """
    check_observed(observed, "bm.run(world.observed, at=point)")
    _check_point(at)
    system = None if system is None else System.of(system)
    if system is not None and system.id != at.system.id:
        raise ResultsError(
            f"system {system.name!r} is not the one that the operating point was tuned for",
            allowed=f"system {at.system.name!r} with the settings of the point",
            remedy="tune a point for this system",
        )
    if lists is None:
        lists = search(observed, at.system, progress=progress)
    elif lists.world_id != observed.id or System.from_mapping(lists.system).id != at.system.id:
        raise ResultsError(
            "the candidate lists are of another world or system than the run",
            remedy="search this world with the point's system",
        )
    dates = as_of_dates(observed, on)
    books = [StayBook(observed, lists, day, at) for day in dates]
    stays = pl.concat([book.at(at)[0] for book in books])
    warnings = [f"the world's face profile: {text}" for text in observed.about.get("profile_warnings", ())]
    warnings += [f"stays as of {book.as_of}: {text}" for book in books for text in book.warnings]
    # Detectors see the document pass itself, before faces took any pair apart.
    links, unseen = books[-1].links.stays, at.system.alerts.unseen_departures
    made = _Made(books[-1], Facts(observed, lists, links, dates[-1], unseen))
    return Run(
        point=at,
        lists=lists,
        decisions=decide(lists, at, observed),
        stays=stays,
        alerts=detect(observed, lists, links, at.system, as_of=dates[-1], facts=made.facts),
        about={
            "on": [day.isoformat() for day in dates],
            "versions": {name: version(name) for name in PACKAGES},
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {platform.system()}",
            "byteorder": sys.byteorder,
            **({"warnings": warnings} if warnings else {}),
        },
        _made=made,
    )


def _check_point(at: object) -> None:
    """Refuse what is not an operating point, with the call that makes one."""
    if isinstance(at, OperatingPoint):
        return
    number = isinstance(at, (int, float)) and not isinstance(at, bool)
    raise SettingsError(
        f"at={at!r}" if number else f"a {type(at).__name__} in place of an operating point",
        allowed="an operating point, which names the system that its thresholds belong to",
        remedy=f"write bm.run(world.observed, at=bm.OperatingPoint.of({at if number else 0.4}, system))",
    )


def check_run(given: object, call: str) -> None:
    """Refuse what is not a run, with the call that was meant.

    Raises
    ------
    ResultsError
        For anything but a run.
    """
    if isinstance(given, Run):
        return
    what = "candidate lists" if isinstance(given, CandidateLists) else f"a {type(given).__name__}"
    raise ResultsError(what, allowed="a run: bm.run(world.observed, at=point)", remedy=f"write {call}")
