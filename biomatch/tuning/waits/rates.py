"""The rates of thresholds, with the ends of their intervals, from a curve, a profile or a judged run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from biomatch.curves.build import IdentificationCurve
from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.ports.hall import ErrorRates
from biomatch.scorelaw.predict import predict
from biomatch.settings.profile import FaceProfile

DECADES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7)
"""FPIR at which thresholds are taken where none are named."""


@dataclass(frozen=True)
class ThresholdRates:
    """Error rates at one threshold, and the ends of their intervals.

    Attributes
    ----------
    threshold : float
    rates, low, high : ErrorRates
        At the point, and with every rate at the lower and at the upper end of its interval.
    """

    threshold: float
    rates: ErrorRates
    low: ErrorRates
    high: ErrorRates


def rates_of_curve(
    curve: IdentificationCurve,
    thresholds: Sequence[float] | None = None,
    *,
    fta: float | None = None,
    confidence: float = 0.95,
) -> list[ThresholdRates]:
    """Give the rates of a curve at thresholds.

    Parameters
    ----------
    curve : IdentificationCurve
        With mated and non-mated searches.
    thresholds : sequence of float, optional
        Default: those of FPIR 1e-2, 3e-3, 1e-3 ... as far down as the non-mated searches reach.
    fta : float, optional
        Failures to acquire; default: as the curve counted them.
    confidence : float
        Of each interval, two-sided.

    Raises
    ------
    ResultsError
        Without mated or non-mated searches.
    """
    if not curve.mated or not curve.non_mated:
        raise ResultsError(
            f"{curve.mated} mated and {curve.non_mated} non-mated searches", remedy="waits need both kinds"
        )
    chosen = _thresholds(curve) if thresholds is None else sorted(float(one) for one in thresholds)
    if fta is None:
        acquired = curve.failure_to_acquire(confidence)
        low, value, high = acquired.interval[0], float(acquired.value or 0.0), acquired.interval[1]
    else:
        low = value = high = fta
    found = []
    for threshold in chosen:
        fpir, fnir = (
            curve.fpir(threshold, confidence),
            curve.fnir(threshold, curve.list_length, confidence),
        )
        found.append(
            ThresholdRates(
                threshold,
                ErrorRates(float(fnir.value or 0.0), float(fpir.value or 0.0), value),
                ErrorRates(fnir.interval[0], fpir.interval[0], low),
                ErrorRates(fnir.interval[1], fpir.interval[1], high),
            )
        )
    return found


def _thresholds(curve: IdentificationCurve) -> list[float]:
    least = 1.0 / curve.non_mated
    # The last is the lowest threshold without any false positive: only its interval is above zero.
    targets = [*(one for one in DECADES if one >= least), least / 2.0]
    return sorted({curve.threshold(max_fpir=one) for one in targets})


def rates_of_profile(
    profile: FaceProfile, gallery: float, fpirs: Sequence[float] = DECADES, *, fta: float = 0.0
) -> list[ThresholdRates]:
    """Give the rates of a face profile at limits of FPIR, with the profile's declared bands of FNIR.

    Parameters
    ----------
    profile : FaceProfile
    gallery : float
        N, enrolled persons.
    fpirs : sequence of float
        Limits of FPIR, in (0, 1).
    fta : float
        Failures to acquire, in [0, 1].
    """
    found = []
    for limit in fpirs:
        told = predict(profile, gallery, limit)
        low, high = told.fnir_interval
        found.append(
            ThresholdRates(
                told.threshold,
                ErrorRates(told.fnir, limit, fta),
                ErrorRates(low, limit, fta),
                ErrorRates(high, limit, fta),
            )
        )
    return sorted(found, key=lambda one: one.threshold)


def rates_of(result: Result) -> ThresholdRates:
    """Give the rates of a judged run at its own threshold.

    Raises
    ------
    ResultsError
        Where the run has no mated or no non-mated search.
    """
    curve = result.curve
    if not curve.non_mated and result.designed_curve is not None:
        curve = result.designed_curve
    return rates_of_curve(curve, [result.point.face_threshold])[0]
