"""What a profile says about a gallery that nobody can test: threshold and FNIR, each with a band."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from biomatch import checks
from biomatch.errors import SettingsError
from biomatch.scorelaw.law import ScoreLaw
from biomatch.settings.profile import FaceProfile
from biomatch.settings.verdict import UNUSABLE

CHECKED_SIZE = 1_600_000
"""Largest gallery at which the closed form was compared with brute force (benchmarks/results)."""
CLOSED, CORRECTED = "closed form", "corrected by simulation"


@dataclass(frozen=True)
class Prediction:
    """Threshold, FPIR and FNIR of a profile at one gallery size.

    Attributes
    ----------
    threshold : float
        Lowest score with FPIR at most the limit, in [-1, 1].
    threshold_interval, fnir_interval : tuple of float
        Declared bands of error, not confidence intervals of a sample.
    fnir, fpir : float
        Model's rates at `threshold`, in [0, 1].
    fmr : float
        Per-comparison false match rate (one person, K images) at `threshold`.
    fpir_if_independent : float
        1 - (1 - FMR)^N, what ignoring clusters of look-alikes would give.
    how : dict
        For each figure ``"closed form"`` or ``"corrected by simulation"``.
    warnings : tuple of str
        What a fitted profile's verdict says against trusting these figures; empty for a sound one.
    """

    threshold: float
    threshold_interval: tuple[float, float]
    fnir: float
    fnir_interval: tuple[float, float]
    fpir: float
    fmr: float
    fpir_if_independent: float
    how: dict[str, str]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers, intervals under keys of their own."""
        return {
            "threshold": self.threshold,
            "threshold_interval": list(self.threshold_interval),
            "fnir": self.fnir,
            "fnir_interval": list(self.fnir_interval),
            "fpir": self.fpir,
            "fmr": self.fmr,
            "fpir_if_independent": self.fpir_if_independent,
            "how": dict(self.how),
            "warnings": list(self.warnings),
        }


def predict(
    profile: FaceProfile | str | Path,
    gallery: float,
    max_fpir: float,
    *,
    images: int = 1,
    years: float = 0.0,
    beyond: bool = False,
) -> Prediction:
    """Predict threshold and FNIR of a profile.

    Parameters
    ----------
    profile : FaceProfile, str or path
        A built-in name or a TOML file will do.
    gallery : int
        N, enrolled persons; meant for 100 to 1e9.
    max_fpir : float
        Limit of FPIR, between 0 and 1.
    images : int
        K, enrolled images of each person.
    years : float
        Years between the enrolled images and the probe.
    beyond : bool
        Whether to answer for a gallery beyond the range of a fitted profile, or from one that does not
        describe its own data; the prediction's `warnings` then say so.

    Returns
    -------
    Prediction

    Raises
    ------
    SettingsError
        For values out of range, or a fitted profile that cannot answer for them.

    Examples
    --------
    >>> found = predict("visa-border-leader", 1_600_000, 0.003)
    >>> found.fnir_interval[0] < found.fnir < found.fnir_interval[1] < 0.01
    True
    """
    profile = FaceProfile.of(profile)
    checks.whole(gallery, "gallery", least=1, error=SettingsError)
    checks.target(max_fpir, "max_fpir", error=SettingsError)
    found = predict_by(ScoreLaw(profile, images=images, years=years), gallery, max_fpir)
    return replace(found, warnings=_said(profile, gallery, beyond=beyond))


def _said(profile: FaceProfile, gallery: float, *, beyond: bool) -> tuple[str, ...]:
    """Give a profile's doubts, or refuse what it cannot answer for."""
    verdict = profile.verdict
    if verdict is None:
        return ()
    far = verdict.beyond(gallery)
    if not beyond and (far or verdict.misfit >= UNUSABLE):
        raise SettingsError(
            f"profile {profile.name!r}: {far or verdict.doubts()[0]}",
            allowed=f"N up to {verdict.largest_gallery:,}"
            if far
            else f"a profile with a misfit below {UNUSABLE:g}",
            remedy="fit more identities; --beyond (beyond=True) answers all the same, supported by nothing",
        )
    return (*profile.doubts, *((f"{far}: nothing was tested there",) if far else ()))


def predict_by(law: ScoreLaw, gallery: float, max_fpir: float) -> Prediction:
    """Predict as `predict` does from a score law that stands, so that many galleries share its tables.

    Parameters
    ----------
    law : ScoreLaw
        With its images and years.
    gallery, max_fpir : float
        As in `predict`.

    Returns
    -------
    Prediction

    Raises
    ------
    SettingsError
        For values out of range.
    """
    profile, images, years = law.profile, law.images, law.years
    errors = profile.errors
    threshold = law.threshold(gallery, max_fpir)
    decades = max(math.log10(gallery / CHECKED_SIZE), 0.0)
    slack = 1.0 + errors.fpir_model + errors.fpir_per_decade * decades
    low = law.threshold(gallery, min(max_fpir * slack, 0.999))
    high = law.threshold(gallery, max_fpir / slack)
    fnir, fnir_low, fnir_high = (float(law.fnir(t)) for t in (threshold, low, high))
    away = abs(math.log10(_anchor_fmr(profile) / (max_fpir / (gallery * images))))
    relative = math.sqrt(
        errors.fnir_rounding**2
        + errors.fnir_model**2
        + (errors.fnir_per_decade * away) ** 2
        + (errors.fnir_per_doubling * math.log2(images / profile.anchor.images)) ** 2
        + (errors.fnir_per_ten_years * years / 10.0) ** 2
    )
    corrected = CORRECTED if profile.likeness.common > 0.0 else CLOSED
    return Prediction(
        threshold=threshold,
        threshold_interval=(low, high),
        fnir=stated(fnir),
        fnir_interval=(
            stated(fnir_low / (1.0 + relative)),
            stated(min(fnir_high * (1.0 + relative), 1.0)),
        ),
        fpir=stated(float(law.fpir(gallery, threshold))),
        fmr=stated(float(law.fmr(threshold))),
        fpir_if_independent=stated(float(law.fpir_if_independent(gallery, threshold))),
        how={"threshold": corrected, "fpir": corrected, "fnir": CLOSED, "fmr": CLOSED},
    )


def stated(rate: float) -> float:
    """Round a rate of the score law to six digits, of which its model is good for three at most.

    The law's integrals are sums of matrix products and differ between machines in the thirteenth digit
    (``docs/machines.md``), so that six digits differ once in ten million figures.
    """
    return float(f"{rate:.6g}")


def _anchor_fmr(profile: FaceProfile) -> float:
    """False match rate a comparison at the operating point that the profile was fitted at."""
    return profile.anchor.fpir / (profile.anchor.gallery * profile.anchor.images)
