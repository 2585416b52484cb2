"""The operating point, and the only place where anything is compared with a threshold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from pydantic import computed_field, field_validator, model_validator

from biomatch import checks, files
from biomatch.cards import Card, facts
from biomatch.errors import SettingsError
from biomatch.settings.base import ASSUMED, Settings, nearest, setting, values_of
from biomatch.settings.system import System
from biomatch.tables import storage
from biomatch.tables.galleries import search_of
from biomatch.tables.places import free_file
from biomatch.tables.produced import alert_kinds
from biomatch.tables.seals import add_note, question_of, seal_of

SEARCH = "search"
"""The observed field that tells a system's searches apart: the policy whose gallery was searched."""


def accept(score: ArrayLike, threshold: ArrayLike) -> NDArray[np.bool_]:
    """Say which scores are accepted: ``score >= threshold``, here and nowhere else.

    Parameters
    ----------
    score : array_like
        Comparison scores or posteriors (any shape); higher is closer. -inf is padding.
    threshold : array_like
        Threshold or thresholds that broadcast against `score`.

    Returns
    -------
    ndarray of bool
        False wherever the score is padding, even against a threshold of -inf: nothing was compared.

    Notes
    -----
    Counting code works on sorted scores with ``searchsorted(..., side="left")``, which is the same
    comparison; a test holds both together.
    """
    given = np.asarray(score)
    # The tie rule of the whole project stands on this line: equality accepts (ISO/IEC 19795-1).
    return np.asarray((given >= np.asarray(threshold)) & ~np.isneginf(given))


class OperatingPoint(Settings):
    """Everything that must be decided before a system can decide.

    Attributes
    ----------
    face_threshold : float
        Comparison score from which a candidate is accepted.
    face_threshold_by : mapping
        Overrides by observed field, for example ``{"mode": {"land": 0.5}}``; the first field whose
        value has an entry wins. The field ``"search"`` is the policy that was searched, for example
        ``{"search": {"all": 0.55}}``: it wins over every other, and what is no search of a gallery (the
        check of a stay's two faces) has the primary search's threshold.
    alert_thresholds : mapping
        Threshold of an alert's score by kind.
    alert_thresholds_by : mapping
        Overrides by observed field of the alert's encounter, its value and the kind, for example
        ``{"port": {"AAX": {"sham_exit": 4.5}}}``; the first field that has an entry wins.
    lead_posterior : float or None
        P(overstay) from which an open stay is a lead; None: the system's own setting.
    lineages : list of int
        Root seed of every world that went into any of these numbers.
    resubstitution : bool
        Whether tuning and grading on one lineage was asked for.
    system : System
        The system that these numbers belong to.
    guarantee : mapping
        How the face threshold was chosen: target, bound, counts, confidence.

    Examples
    --------
    >>> OperatingPoint.of(0.4, System.load("default")).lead_threshold
    0.0
    """

    face_threshold: float = setting(..., "tuned")
    face_threshold_by: dict[str, dict[str, float]] = setting({}, "tuned")
    alert_thresholds: dict[str, float] = setting({}, "tuned; the face threshold where absent")
    alert_thresholds_by: dict[str, dict[str, dict[str, float]]] = setting({}, "tuned; by kind where absent")
    lead_posterior: float | None = setting(None, "tuned")
    lineages: list[int] = setting([], "the worlds that were used")
    resubstitution: bool = setting(False, f"{ASSUMED}: never unless asked for")
    system: System = System()
    guarantee: dict[str, Any] = setting({}, "computed")

    def card(self) -> Card:
        """Say what is shown: the thresholds, what was shown of them, and on which data."""
        shown = self.guarantee
        held = None
        if "target" in shown and "confidence" in shown:
            held = f"{shown.get('measure', 'FPIR')} at most {shown['target']:g}"
            held += f" with {shown['confidence']:.0%} confidence"
        return Card(
            f"OperatingPoint: face threshold {self.face_threshold!r}",
            facts(
                ("guarantee", held or shown.get("method") or "none: it was given, not tuned"),
                *(
                    (f"by {name}", f"{len(table)} thresholds")
                    for name, table in self.face_threshold_by.items()
                ),
                ("alert thresholds", len(self.alert_thresholds) or None),
                ("leads from P(overstay)", self.lead_threshold),
                ("system", self.system.name),
                ("lineages", [str(seed) for seed in self.lineages] or "none"),
                ("resubstitution", "yes" if self.resubstitution else None),
                ("next", "bm.run(world.observed, at=point)"),
            ),
        )

    @field_validator("alert_thresholds", "alert_thresholds_by")
    @classmethod
    def _check_kinds(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse kinds of alert that there are not: their thresholds would be ignored."""
        nested = [one for table in given.values() if isinstance(table, dict) for one in table.values()]
        kinds = {kind for table in nested for kind in table} if nested else set()
        kinds |= {name for name, value in given.items() if not isinstance(value, dict)}
        for kind in sorted(kinds - set(alert_kinds())):
            raise ValueError(f"{kind!r} is no kind of alert; {nearest(kind, list(alert_kinds()))}")
        return given

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seal(self) -> str:
        """Hash of everything else: tells whether a file of the point was edited; it is no signature."""
        return seal_of(self.model_dump(mode="json", exclude={"seal"}))

    @model_validator(mode="before")
    @classmethod
    def _leave_seal(cls, values: Any) -> Any:
        """Leave the seal of other values out: it is computed; `read` compares that of a file."""
        if isinstance(values, Mapping) and "seal" in values:
            return {name: value for name, value in values.items() if name != "seal"}
        return values

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a point's file, and refuse one that was edited after `write` sealed it.

        A point that is written by hand has no seal, and names neither lineages nor a guarantee: nothing says
        what it was tuned on.

        Raises
        ------
        SettingsError
            For a file that cannot be read, or whose seal is missing or does not fit.
        """
        values = values_of(path)
        sealed = values.get("seal")
        if sealed is None and (values.get("lineages") or values.get("guarantee")):
            raise SettingsError(
                f"{path} names lineages or a guarantee and has no seal",
                allowed="a point as `biomatch tune` writes it, or one by hand with neither",
                remedy="tune it again",
            )
        if sealed is not None and sealed != seal_of(values):
            raise SettingsError(
                f"{path} was edited after it was written: its seal does not fit",
                allowed="a point as `biomatch tune` writes it",
                remedy="tune it again; for a threshold of your own, leave out seal, lineages and guarantee",
            )
        if sealed is None:
            add_note(f"note: {path} was written by hand: nothing says which worlds it was tuned on")
        return cls.from_mapping(values, where=str(path))

    def write(self, path: str | Path) -> None:
        """Write the point as sealed JSON, whole or not at all.

        Raises
        ------
        TableError
            Where something else stands, or a point that answers another question (`places.free_file`).
        """
        free_file(path, "operating point", self.question, _held_question)
        storage.write_text(path, json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")

    @property
    def question(self) -> str:
        """What the point answers: for which system, tuned on which worlds, to which target."""
        asked = {name: self.guarantee[name] for name in _ASKED if name in self.guarantee}
        return question_of(system=self.system.id, lineages=sorted(self.lineages), asked=asked)

    def thresholds(self, encounters: pl.DataFrame) -> NDArray[np.float64]:
        """Give the face threshold of each encounter, keyed on observed fields only.

        Parameters
        ----------
        encounters : polars.DataFrame
            Rows of the observed encounters; with a column ``gallery``, one row a search of it.

        Returns
        -------
        ndarray
            Shape (n,), float64.
        """
        found = np.full(len(encounters), self.face_threshold)
        by_search = self.face_threshold_by.get(SEARCH, {})
        others = [(name, table) for name, table in self.face_threshold_by.items() if name != SEARCH]
        if by_search and "gallery" in encounters.columns:
            encounters = encounters.with_columns(search_of().alias(SEARCH))
            others.insert(0, (SEARCH, by_search))
        for name, table in reversed(others):
            values = _observed(encounters, name)
            for value, threshold in table.items():
                found[values == value] = threshold
        return found

    def search_threshold(self, policy: str) -> float:
        """Give the face threshold of one of the system's searches, by its policy."""
        return self.face_threshold_by.get(SEARCH, {}).get(policy, self.face_threshold)

    def override_alerts(
        self, thresholds: NDArray[np.float64], kinds: NDArray[np.str_], encounters: pl.DataFrame
    ) -> NDArray[np.float64]:
        """Put the overrides by observed field into the thresholds of alerts.

        Parameters
        ----------
        thresholds : ndarray of float64
            Shape (n,): by kind alone.
        kinds : ndarray of str
            Shape (n,): kind of each alert.
        encounters : polars.DataFrame
            Shape (n, any): the observed encounter at which each arose; null where there is none.

        Returns
        -------
        ndarray of float64
            Shape (n,), new.
        """
        found = thresholds.copy()
        for name, table in reversed(self.alert_thresholds_by.items()):
            values = _observed(encounters, name)
            for value, by_kind in table.items():
                for kind, threshold in by_kind.items():
                    found[(values == value) & (kinds == kind)] = threshold
        return found

    @property
    def threshold(self) -> float:
        """The face threshold (or that of 1:1 comparisons), by its short name."""
        return self.face_threshold

    @property
    def lead_threshold(self) -> float:
        """P(overstay) from which an open stay is a lead."""
        return self.system.stays.lead_posterior if self.lead_posterior is None else self.lead_posterior

    @classmethod
    def of(cls, threshold: float, system: System | str | Path = "default", **more: Any) -> Self:
        """Make a point from a face threshold alone, for sweeps and controls.

        Parameters
        ----------
        threshold : float
            Face threshold.
        system : System, str or path
            A built-in name or a TOML file will do.
        **more : object
            Other fields of the point.
        """
        checks.real(threshold, "threshold", error=SettingsError)
        chosen = System.of(system)
        return cls.from_mapping(
            {"face_threshold": threshold, "system": chosen.model_dump(mode="json"), **more}
        )


_ASKED = ("target", "method", "max_fpir", "max_fmr", "confidence", "gallery", "costs", "by", "jointly")
"""Entries of a guarantee that say what was asked, not what was found."""


def _held_question(data: bytes) -> str | None:
    """Give the question of an operating point's file; None where it is none."""
    try:
        values = files.parse_json(data, "the file that stands there", error=SettingsError, constants=True)
        return OperatingPoint.from_mapping(values).question
    except (SettingsError, TypeError, ValueError):
        return None


def _observed(encounters: pl.DataFrame, name: str) -> NDArray[Any]:
    """Give an observed field as text, for thresholds that are keyed on it."""
    if name not in encounters.columns:
        raise SettingsError(
            f"thresholds by {name!r}", allowed=f"an observed field: {', '.join(encounters.columns)}"
        )
    return encounters[name].cast(pl.String).to_numpy()


def lineages_of(*sources: Mapping[str, Any] | OperatingPoint) -> list[int]:
    """Unite the lineages of several points, sorted."""
    found: set[int] = set()
    for source in sources:
        found.update(source.lineages if isinstance(source, OperatingPoint) else source.get("lineages", []))
    return sorted(found)
