"""Fits the parameters of a face profile to counted scores.

Least squares on the logarithms of both score laws' tails, weighted by what the counts can say, with a weak
pull towards the built-in model: a parameter that the data do not speak about stays where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biomatch.cards import Progress
from biomatch.errors import TableError
from biomatch.portable.types import Floats
from biomatch.scorelaw.fit.sample import ScoreSample
from biomatch.scorelaw.fit.solver import Parameter, solve
from biomatch.scorelaw.law import ScoreLaw
from biomatch.scorelaw.nonmated import THRESHOLDS, NonMated
from biomatch.settings.profile import FaceProfile

MATED_LEVELS = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
NON_MATED_LEVELS = (0.3, 0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
FPIR_LEVELS = (0.6, 0.3, 0.1, 0.03)
LOST_FMR = 1e-3
"""Mated scores below the threshold of this false match rate count as lost."""
SLACK, BODY_SLACK = 0.03, 0.15
"""Relative misfit that is not worth chasing: the closed form itself is no better; and what is added to it at
FMR 1, fading out until 1e-3: a profile is asked about the tail, which a strange body must not bend.
"""


@dataclass(frozen=True)
class Twin:
    """A fitted profile and how well it fits.

    Attributes
    ----------
    profile : FaceProfile
    misfit : float
        Root mean square residual in units of its expected error; about 1 for a model that holds.
    converged : bool
        Whether the fit came to rest; False: it ran out of steps.
    """

    profile: FaceProfile
    misfit: float
    converged: bool = True


def fit_twin(
    sample: ScoreSample,
    name: str = "twin",
    start: FaceProfile | None = None,
    progress: Progress | None = None,
) -> Twin:
    """Fit a profile to counted scores.

    Parameters
    ----------
    sample : ScoreSample
    name : str
        The profile's name.
    start : FaceProfile, optional
        Where to start, for example a fit to a part of the data; default: the built-in model.
    progress : callable, optional
        Called with (stage, steps done, steps in all).

    Returns
    -------
    Twin

    Raises
    ------
    TableError
        Where mated scores do not lie above non-mated ones: there is nothing to fit.
    """
    middle = float(np.median(sample.mated))
    if middle <= sample.threshold_at(0.05):
        raise TableError(
            f"half of the mated scores lie below {middle:.3f}, where "
            f"{sample.fmr(middle):.0%} of the non-mated ones reach",
            allowed="mated scores above non-mated ones",
            remedy="check the labels and which file is which",
        )
    say = progress or (lambda _stage, _done, _total: None)
    profile = start or _start(sample, name, middle)
    mated = solve(profile, _mated_parameters(sample), lambda p: _mated(p, sample))
    say("fitting", 1, 3)
    strangers = solve(mated.profile, _stranger_parameters(sample), lambda p: _strangers(p, sample))
    say("fitting", 2, 3)
    # The dimension is a whole number now, and the scatter of mated scores depends on it too.
    mated = solve(strangers.profile, _mated_parameters(sample), lambda p: _mated(p, sample))
    rest = [p for p in _stranger_parameters(sample) if p.key != "dimension"]
    strangers = solve(mated.profile, rest, lambda p: _strangers(p, sample))
    say("fitting", 3, 3)
    misfits = [*mated.residuals, *strangers.residuals]
    return Twin(
        strangers.profile,
        float(np.sqrt(np.mean(np.square(misfits)))),
        mated.converged and strangers.converged,
    )


def _start(sample: ScoreSample, name: str, middle: float) -> FaceProfile:
    """Place a first guess: noise from the median mated score, the model's defaults for the rest."""
    scale = float(np.clip(np.sqrt(1.0 / np.clip(middle, 0.05, 0.98) - 1.0), 0.1, 4.0))
    symmetric = sample.dimension is not None and not sample.first_enrolled
    image = 0.3
    return FaceProfile.from_mapping(
        {
            "name": name,
            "dimension": sample.dimension or 512,
            "likeness": {"mean_square": 0.05, "common": 0.14},
            "noise": {
                "scale": scale,
                "image": image,
                "person": image * (0.5 if sample.person_share is None else sample.person_share),
                # Neither image of a pair is the better one, unless the user says so.
                "enrolment_image": 1.0 if symmetric else 0.6,
                "unusable": 1e-3,
                "unusable_enrolment": 5e-4 if symmetric else 0.0,
            },
        }
    )


def _mated_parameters(sample: ScoreSample) -> list[Parameter]:
    rare = float(np.clip(0.3 / sample.mated_people, 1e-6, 1e-2))
    return [
        Parameter("noise.scale", np.log(0.5), 3.0, 0.05, 4.5, "log"),
        Parameter("noise.image", np.log(0.3), 1.0, 0.01, 1.2, "log"),
        Parameter("noise.unusable", np.log(rare / (1 - rare)), 2.5, 1e-7, 0.4, "logit"),
    ]


def _stranger_parameters(sample: ScoreSample) -> list[Parameter]:
    dimension = float(sample.dimension or 512)
    limit = float(sample.dimension or 4096)
    parameters = [
        Parameter("likeness.mean_square", 0.05, 0.15, 0.0, 0.49, ""),
        Parameter("likeness.share", np.log(0.3 / 0.7), 0.7, 0.005, 0.9, "logit"),
        Parameter("dimension", np.log(dimension), 1.0, 32.0, limit, "log"),
        Parameter("likeness.length", np.log(3.7), 0.15, 1.2, 12.0, "log"),
    ]
    if sample.best:
        parameters.append(Parameter("likeness.typicality", 0.45, 0.12, 0.0, 1.5, ""))
    return parameters


def _logit(x: Floats) -> Floats:
    y = np.clip(x, 1e-12, 1.0 - 1e-9)
    return np.asarray(np.log(y / (1.0 - y)))


def _mated(profile: FaceProfile, sample: ScoreSample) -> Floats:
    """Residuals of FNMR at the data's quantiles, as log odds in units of their error."""
    scores, m = sample.mated, len(sample.mated)
    ranks = np.array([round(q * m) for q in MATED_LEVELS if q * m >= 5])
    at = np.clip(scores[ranks], -0.3, 0.975)
    levels = np.searchsorted(scores, at, side="right") / m
    found = ScoreLaw(profile).fnmr(at)
    effective = (m + sample.mated_people) / 2.0  # pairs of one person are not independent trials
    error = np.sqrt(1.0 / (effective * levels * (1.0 - levels)) + SLACK**2)
    residuals = (_logit(found) - _logit(levels)) / error
    # What scores like a stranger is an unusable image, or nearly: counted, for it may be none at all
    # (square roots of counts have one variance, Anscombe 1948).
    lost = max(sample.threshold_at(LOST_FMR), THRESHOLDS[0])
    seen = float(np.searchsorted(scores, lost)) / m * sample.mated_people
    expected = float(ScoreLaw(profile).fnmr(lost)) * sample.mated_people
    return np.append(residuals, 2.0 * (np.sqrt(expected + 0.375) - np.sqrt(seen + 0.375)))


def _strangers(profile: FaceProfile, sample: ScoreSample) -> Floats:
    """Residuals of FMR and of FPIR (where there are people), as logarithms in units of their error."""
    people = sample.identities or 1_000_000
    pairs = [(t, sample.count(t)) for t in map(sample.threshold_at, NON_MATED_LEVELS)]
    pairs = [(t, n) for t, n in pairs if n >= 15 and THRESHOLDS[0] <= t <= THRESHOLDS[-1]]
    searches = []
    for size, best in sample.best.items():
        for level in FPIR_LEVELS:
            t = float(best[len(best) - max(round(level * len(best)), 1)])
            if level * len(best) >= 5 and THRESHOLDS[0] <= t <= THRESHOLDS[-1]:
                searches.append((size, t, float((best >= t).mean()), len(best)))
    at = np.array([t for t, _ in pairs])
    counts = np.array([n for _, n in pairs], dtype=np.float64)
    asked = [*at, *(t for _, t, _, _ in searches)]
    law = NonMated(profile, window=(min(asked), max(asked)))
    # A typical person is in many pairs: the smaller the gallery of people, the less the pairs say.
    rates = counts / sample.non_mated
    slack = SLACK + BODY_SLACK * np.clip(1.0 + np.log10(rates) / 3.0, 0.0, 1.0)
    error = np.sqrt(1.0 / counts + 4.0 / people + slack**2)
    residuals = [(np.log(law.fmr(at)) - np.log(rates)) / error]
    for size, t, rate, trials in searches:
        spread = np.sqrt((1.0 - rate) / (rate * trials) + 1.0 / people + SLACK**2)
        residuals.append(np.atleast_1d((np.log(law.fpir(size, t)) - np.log(rate)) / spread))
    return np.concatenate(residuals)
