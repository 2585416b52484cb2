"""How well a fitted profile describes the data, and plain sentences where it is not to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from biomatch import facemodel
from biomatch.rates import Rate, rate
from biomatch.scorelaw.fit.centre import leaning
from biomatch.scorelaw.fit.sample import ScoreSample
from biomatch.scorelaw.fit.suspects import Suspects
from biomatch.scorelaw.fit.twin import Twin
from biomatch.scorelaw.law import ScoreLaw
from biomatch.scorelaw.nonmated import THRESHOLDS
from biomatch.settings.profile import FaceProfile

NON_MATED = (0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
MATED = (0.5, 0.1, 0.03, 0.01, 0.003, 0.001)
FPIR = (0.3, 0.1, 0.03, 0.01)
FEW_PEOPLE = 300
RULE_OF_THIRTY = 30
BAD_RATIO, BAD_SCORE = 1.5, 0.02
"""A tail misses where its rate is off by more than this factor *and* its threshold by more than this."""


@dataclass(frozen=True)
class Quantile:
    """One quantile of a score law: where the data have it and where the profile has it.

    Attributes
    ----------
    level : float
        FMR (non-mated) or FNMR (mated) in the data, in [0, 1].
    events : int
        Scores beyond the threshold in the data.
    data, fit : float or None
        Threshold of the data and of the profile at that level; None: outside the profile's table.
    rate_ratio : float
        Profile's rate at the data's threshold over the data's.
    """

    level: float
    events: int
    data: float
    fit: float | None
    rate_ratio: float

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers."""
        return {
            "level": self.level,
            "events": self.events,
            "data": self.data,
            "fit": self.fit,
            "rate_ratio": self.rate_ratio,
        }


@dataclass(frozen=True)
class HeldOut:
    """FPIR on identities that the fit did not see, at a threshold that the fit chose."""

    gallery: int
    threshold: float
    predicted: float
    seen: Rate

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers."""
        return {
            "gallery": self.gallery,
            "threshold": self.threshold,
            "predicted": self.predicted,
            "seen": self.seen.to_json(),
        }

    @property
    def factor(self) -> float:
        """Factor, at least 1, by which the interval of what was seen misses what was predicted.

        Chance alone must not widen a declared band, so it is the interval's nearer end that counts.
        """
        low, high = self.seen.interval
        return max(low / self.predicted, self.predicted / max(high, 1e-12), 1.0)


@dataclass(frozen=True)
class Goodness:
    """Goodness of fit.

    Attributes
    ----------
    non_mated, mated : tuple of Quantile
    held_out : tuple of HeldOut
        FPIR against N on identities kept from the fit; empty where only scores were given.
    warnings : tuple of str
        Sentences; empty where nothing speaks against the profile.
    """

    non_mated: tuple[Quantile, ...]
    mated: tuple[Quantile, ...]
    held_out: tuple[HeldOut, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers."""
        return {
            "non_mated": [row.to_json() for row in self.non_mated],
            "mated": [row.to_json() for row in self.mated],
            "held_out": [row.to_json() for row in self.held_out],
            "warnings": list(self.warnings),
        }


def judge_fit(
    twin: Twin, sample: ScoreSample, held_out: tuple[HeldOut, ...], suspects: Suspects | None = None
) -> Goodness:
    """Compare a profile with the counts that it was fitted to, and with identities kept from it."""
    law = ScoreLaw(twin.profile)
    strangers = tuple(_non_mated(law, sample))
    mated = tuple(_mated(law, sample))
    warnings = [
        *_unsettled(twin),
        *leaning(sample),
        *_few(sample),
        *_tails(strangers, mated),
        *_clusters(twin.profile, sample),
        *_held_out_misses(held_out),
    ]
    if suspects is not None and suspects.alike:
        warnings.append(suspects.warning())
    return Goodness(strangers, mated, held_out, tuple(warnings))


def _unsettled(twin: Twin) -> list[str]:
    if twin.converged:
        return []
    return [
        "the fit did not come to rest within its steps: another set of images may give another profile; look "
        "for mislabelled images and give more people"
    ]


def check_held_out(twin: Twin, kept: ScoreSample) -> tuple[HeldOut, ...]:
    """Take thresholds from a fit and count FPIR on identities that it did not see, against N."""
    law, rows = ScoreLaw(twin.profile), []
    for size, best in kept.best.items():
        for level in FPIR:
            if level * len(best) < 5:
                continue
            t = law.threshold(size, level)
            if t <= THRESHOLDS[0]:
                continue
            seen = rate(int((best >= t).sum()), len(best))
            rows.append(HeldOut(size, t, float(law.fpir(size, t)), seen))
    return tuple(rows)


def _non_mated(law: ScoreLaw, sample: ScoreSample) -> list[Quantile]:
    table, rows = law.fmr(THRESHOLDS), []
    for level in NON_MATED:
        t = sample.threshold_at(level)
        events = sample.count(t)
        if events < 10 or not THRESHOLDS[0] <= t <= THRESHOLDS[-1]:
            continue
        seen = events / sample.non_mated
        inside = table[-1] <= seen <= table[0]
        fit = float(np.interp(-np.log(seen), -np.log(table), THRESHOLDS)) if inside else None
        rows.append(Quantile(seen, events, t, fit, float(law.fmr(t)) / seen))
    return rows


def _mated(law: ScoreLaw, sample: ScoreSample) -> list[Quantile]:
    scores, rows = sample.mated, []
    grid = np.linspace(-0.3, 0.98, 65)
    table = law.fnmr(grid)
    for level in MATED:
        events = round(level * len(scores))
        if events < 10:
            continue
        t = float(scores[events])
        seen = sample.fnmr(t)
        inside = table[0] <= seen <= table[-1]
        fit = float(np.interp(seen, table, grid)) if inside else None
        rows.append(Quantile(seen, events, t, fit, float(law.fnmr(min(t, 0.98))) / seen))
    return rows


def _few(sample: ScoreSample) -> list[str]:
    said = []
    if sample.identities is None:
        said.append(
            "Scores alone do not tell how false matches cluster by person, so FPIR at large N leans on the "
            "built-in model: give embeddings with labels to have that fitted and checked."
        )
    elif sample.identities < FEW_PEOPLE:
        said.append(
            f"Too few identities ({sample.identities}; {FEW_PEOPLE} or more are needed): the non-mated tail "
            "was hardly seen, and thresholds for large galleries lean on the built-in model."
        )
    if sample.mated_people < FEW_PEOPLE and sample.identities is not None:
        said.append(
            f"Mated scores come from {sample.mated_people} people: an FNIR below "
            f"{RULE_OF_THIRTY / sample.mated_people:.2g} was not seen (rule of 30)."
        )
    return said


def _tails(strangers: tuple[Quantile, ...], mated: tuple[Quantile, ...]) -> list[str]:
    said = []
    for name, what, rows in (("non-mated", "FMR", strangers), ("mated", "FNMR", mated)):
        for row in reversed([r for r in rows if r.events >= RULE_OF_THIRTY and r.level < 0.2]):
            wrong_rate = not 1.0 / BAD_RATIO < row.rate_ratio < BAD_RATIO
            wrong_place = row.fit is None or abs(row.fit - row.data) > BAD_SCORE
            if wrong_rate and wrong_place:
                said.append(
                    f"The fit misses the {name} tail: at {what} {row.level:.2g} in the data (threshold "
                    f"{row.data:.3f}) it has {row.rate_ratio:.2f} times that rate. Do not use it beyond."
                )
                break
    return said


def _clusters(profile: FaceProfile, sample: ScoreSample) -> list[str]:
    if sample.top_direction is None or sample.identities is None or sample.identities < 100:
        return []
    expected = expected_top_direction(profile, sample.identities)
    if sample.top_direction < 1.5 * expected:
        return []
    return [
        f"The identities form clusters: one direction holds {sample.top_direction:.1%} of their variance, "
        f"{sample.top_direction / expected:.1f} times what the profile would show. Groups (region, sex, "
        "camera, resolution) are not in the fit: FPIR within a group is higher than predicted; fit each "
        "group alone."
    ]


def expected_top_direction(profile: FaceProfile, identities: int) -> float:
    """Share of variance along the first principal direction of a profile's identities, in [0, 1].

    Notes
    -----
    Under normal latents the Gaussian kernel's first-order eigenvalue is known (Rasmussen and Williams,
    Gaussian Processes for Machine Learning, 2006, eq. 4.39); what is left is spread over d directions. A
    finite sample swells the largest of them (Marchenko and Pastur, 1967; Baik and Silverstein, 2006).
    """
    k, length, d = profile.likeness.latent_dimension, profile.likeness.length, profile.dimension
    share = float(facemodel.share(profile, np.zeros(1))[0])
    noise = profile.noise.scale**2 / (1.0 + profile.noise.scale**2)
    a, b = 0.25, 1.0 / (2.0 * length**2)
    big = a + b + np.sqrt(a * a + 2.0 * a * b)
    grand = (length**2 / (length**2 + 2.0)) ** (k / 2.0)
    first = (2.0 * a / big) ** (k / 2.0) * (b / big) / (1.0 - grand)
    spike = (1.0 - noise) * share * first
    rest = max(1.0 - k * spike, 0.1) / d
    ratio = d / identities
    above = spike / rest
    if above <= np.sqrt(ratio):
        return float(rest * (1.0 + np.sqrt(ratio)) ** 2)
    # k equal spikes: the largest sample value of them is a little above the law for one.
    swollen = rest * (1.0 + above) * (1.0 + ratio / above)
    return float(swollen * (1.0 + 2.0 * np.sqrt(k / identities)))


def _held_out_misses(rows: tuple[HeldOut, ...]) -> list[str]:
    said = []
    for row in rows:
        low, high = row.seen.interval
        if row.predicted < low / 1.15 or row.predicted > high * 1.15:
            side = "more" if row.predicted < low else "fewer"
            said.append(
                f"On identities kept from the fit, N = {row.gallery:,}, there were {side} false positives "
                f"than predicted: {row.seen.numerator} of {row.seen.denominator} against FPIR "
                f"{row.predicted:.3g}."
            )
    return said[-1:]
