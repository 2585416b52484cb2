"""From 1:1 scores to a gallery of N: what a target of FPIR asks of FMR, and what the data then guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from biomatch import checks
from biomatch.curves.verification import VerificationCurve
from biomatch.errors import ResultsError
from biomatch.tuning.curve_guarantee import guarantee_of
from biomatch.tuning.guarantee import Guarantee

HOW = (
    "upper bound 1-(1-FMR)^N for references drawn alike and independently of each other; a probe that many "
    "references resemble only lowers it (Jensen's inequality); relatives in the gallery may exceed it"
)


@dataclass(frozen=True)
class OneToMany:
    """A 1:1 guarantee carried to a gallery.

    Attributes
    ----------
    gallery : int
        N, people enrolled.
    max_fpir : float
        Target per search.
    max_fmr : float
        What it asks of a comparison.
    threshold : float
        The point estimate for that FMR.
    guarantee : Guarantee or None
        Of FMR; None where the data do not carry it.
    refusal : str
        Why not.
    """

    gallery: int
    max_fpir: float
    max_fmr: float
    threshold: float
    guarantee: Guarantee | None
    refusal: str = ""

    @property
    def fpir_bound(self) -> float | None:
        """Upper bound of FPIR at the guaranteed threshold, with the guarantee's confidence."""
        return None if self.guarantee is None else fpir_of(self.guarantee.bound, self.gallery)

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "gallery": self.gallery,
            "max_fpir": self.max_fpir,
            "max_fmr": self.max_fmr,
            "threshold": self.threshold,
            "guarantee": None if self.guarantee is None else self.guarantee.to_json(),
            "fpir_bound": self.fpir_bound,
            "refusal": self.refusal,
            "how": HOW,
        }


def fpir_of(fmr: float, gallery: int) -> float:
    """Give 1-(1-FMR)^N without loss of small rates.

    Examples
    --------
    >>> round(fpir_of(1e-6, 10_000), 6)
    0.00995
    """
    return 1.0 if fmr >= 1.0 else float(-np.expm1(gallery * np.log1p(-fmr)))


def fmr_for(max_fpir: float, gallery: int) -> float:
    """Give the FMR at which 1-(1-FMR)^N is the target.

    Examples
    --------
    >>> round(fmr_for(0.01, 10_000) * 1e6, 4)
    1.005
    """
    return 1.0 if max_fpir >= 1.0 else float(-np.expm1(np.log1p(-max_fpir) / gallery))


def one_to_many(
    curve: VerificationCurve,
    *,
    max_fpir: float,
    gallery: int,
    confidence: float = 0.95,
    cap: int | None = None,
) -> OneToMany:
    """Carry 1:1 scores of any scale to a gallery of N people.

    Parameters
    ----------
    curve : VerificationCurve
        1:1 scores.
    max_fpir : float
        Target per search, above 0.
    gallery : int
        N, from 1.
    confidence : float
        One-sided, of the guarantee.
    cap : int, optional
        See `biomatch.tuning.guarantee.guarantee`.

    Examples
    --------
    >>> import numpy as np
    >>> from biomatch.curves.build import verification_curve
    >>> scores = verification_curve(np.full(50, 0.9), np.arange(100_000) / 200_000)
    >>> found = one_to_many(scores, max_fpir=0.1, gallery=100)
    >>> found.guarantee.threshold, round(found.fpir_bound, 4)
    (0.49956, 0.0998)
    """
    target, people = checks.target(max_fpir, "max_fpir"), checks.whole(gallery, "gallery", least=1)
    fmr = fmr_for(target, people)
    point = curve.threshold(max_fmr=fmr)
    try:
        held = guarantee_of(curve, max_fmr=fmr, confidence=confidence, cap=cap)
    except ResultsError as fault:
        return OneToMany(people, target, fmr, point, None, str(fault))
    return OneToMany(people, target, fmr, point, held)
