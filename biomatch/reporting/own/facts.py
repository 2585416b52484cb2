"""What is known of a user's own scores when something is written about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biomatch import checks
from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.errors import ResultsError
from biomatch.tuning.one_to_many import OneToMany
from biomatch.tuning.usual import Usual, usual

Curve = IdentificationCurve | VerificationCurve


@dataclass(frozen=True, eq=False)
class Facts:
    """A curve and what was said of it.

    Attributes
    ----------
    curve : IdentificationCurve or VerificationCurve
        The scores.
    files : list of Path
        Where they came from; empty for scores that came from Python.
    guarantee : mapping or None
        As `biomatch.tuning.guarantee.Guarantee.to_json` gives it.
    target : float or None
        FMR or FPIR that was asked for.
    confidence : float
        Of guarantee and claims.
    claims : tuple of Verdict
        What was asserted.
    tables : Usual or None
        Rates at the usual targets.
    groups : mapping or None
        Rates by group.
    others : tuple of (Path, curve)
        Other matchers' scores.
    carried : OneToMany or None
        A 1:1 guarantee carried to a gallery.
    taken_for : str
        What the files were taken for.
    notes : tuple of str
        What the reader left out or assumed.
    refusal : str or None
        Why there is no guarantee.
    beside : tuple of mapping
        Comparisons with the other matchers.
    """

    curve: Curve
    files: list[Path]
    guarantee: Mapping[str, Any] | None = None
    target: float | None = None
    confidence: float = 0.95
    claims: tuple[Any, ...] = ()
    tables: Usual | None = None
    groups: Mapping[str, Any] | None = None
    others: tuple[tuple[Path, Curve], ...] = ()
    carried: OneToMany | None = None
    taken_for: str = ""
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    beside: tuple[Mapping[str, Any], ...] = ()

    @property
    def of_searches(self) -> bool:
        """Whether the scores are of 1:N searches."""
        return self.curve.searches is not None

    @property
    def names(self) -> tuple[str, str]:
        """Names of the false-positive rate and of the miss rate."""
        return self.curve.measures

    @property
    def threshold(self) -> float | None:
        """The guaranteed threshold; the point estimate's where there is no guarantee, or None."""
        if self.guarantee is not None:
            return float(self.guarantee["threshold"])
        if self.target is None:
            return None
        return self.curve.threshold_for(self.target)

    def usual(self) -> Usual:
        """Give the tables, made where they were not."""
        return self.tables if self.tables is not None else usual(self.curve)


def of_curve(curve: Curve, *, target: float | None = None, confidence: float = 0.95) -> Facts:
    """Gather what can be said of a curve alone: the guarantee for `target`, or the strictest usual one."""
    from biomatch.tuning.curve_guarantee import guarantee_for

    tables = usual(curve, confidence=checks.confidence(confidence))
    if target is None:
        shown = [row.target for row in tables.rows if row.threshold is not None]
        target = shown[-1] if shown else None
    if target is None:
        return Facts(curve, [], tables=tables, confidence=confidence)
    try:
        held = guarantee_for(curve, target, confidence)
    except ResultsError as fault:
        return Facts(curve, [], None, target, confidence, tables=tables, refusal=str(fault))
    return Facts(curve, [], held.to_json(), target, confidence, tables=tables)
