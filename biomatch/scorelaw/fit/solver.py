"""Least squares over the parameters of a profile, to convergence or with word that it was not reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from biomatch.portable.types import Floats
from biomatch.settings.profile import FaceProfile

STEP = 0.02
"""Step of the finite differences, in each parameter's own (transformed) unit."""
TOLERANCE = 1e-3
"""Relative change of the cost, or of the parameters, below which a solution stands: far less than a rate is
uncertain by.
"""
MOST_STEPS = 40


@dataclass(frozen=True)
class Parameter:
    """One free number: where it lives, how it is transformed, and what it is pulled towards."""

    key: str
    centre: float
    pull: float
    low: float
    high: float
    transform: str  # "log", "logit" or ""

    def to_free(self, value: float) -> float:
        """Map a profile's value to the line that is searched."""
        if self.transform == "log":
            return float(np.log(value))
        return float(np.log(value / (1.0 - value))) if self.transform == "logit" else value

    def to_profile(self, free: float) -> float:
        """Map back, inside the parameter's bounds."""
        if self.transform == "log":
            value = np.exp(free)
        else:
            value = 1.0 / (1.0 + np.exp(-free)) if self.transform == "logit" else free
        return float(np.clip(value, self.low, self.high))


@dataclass(frozen=True)
class Solution:
    """Where a search ended.

    Attributes
    ----------
    profile : FaceProfile
    residuals : ndarray
        Shape (m,): the data's residuals there, without the pull, in units of their error.
    converged : bool
        Whether neither the cost nor the parameters moved any more; False: it ran out of steps.
    """

    profile: FaceProfile
    residuals: Floats
    converged: bool


def solve(
    profile: FaceProfile,
    parameters: list[Parameter],
    residuals: Callable[[FaceProfile], Floats],
    steps: int | None = None,
) -> Solution:
    """Minimise the squared residuals and pulls, with a fresh Jacobian at every step, inside the bounds.

    Parameters
    ----------
    profile : FaceProfile
        Where to start.
    parameters : list of Parameter
        What may move; one whose bounds meet stays where they are.
    residuals : callable
        From a profile to the data's residuals, in units of their error.
    steps : int, optional
        Evaluations at most, those for Jacobians not counted.

    Notes
    -----
    Trust region reflective (Branch, Coleman and Li, SIAM J. Sci. Comput. 21, 1999), SciPy's. The dimension
    moves through real numbers, as the closed forms allow, and is rounded at the end; the caller fits the
    rest once more beside the whole number.
    """
    # Templates of the fewest values leave the dimension nowhere to go.
    parameters = [p for p in parameters if p.low < p.high]
    centre = np.array([p.centre for p in parameters])
    pull = np.array([p.pull for p in parameters])
    low = np.array([p.to_free(max(p.low, 1e-9) if p.transform else p.low) for p in parameters])
    high = np.array([p.to_free(p.high) for p in parameters])

    seen: dict[bytes, Floats] = {}  # the last point: its slopes are asked for next, and begin at its value

    def value(free: Floats) -> Floats:
        data = residuals(place(profile, parameters, free, whole=False))
        return np.concatenate([data, (free - centre) / pull])

    def kept(free: Floats) -> Floats:
        seen.clear()
        seen[free.tobytes()] = found = value(free)
        return found

    def jacobian(free: Floats) -> Floats:
        here = seen[free.tobytes()] if free.tobytes() in seen else value(free)
        columns = []
        for column in range(len(free)):
            moved = free.copy()
            moved[column] += STEP if free[column] + STEP <= high[column] else -STEP
            columns.append((value(moved) - here) / (moved[column] - free[column]))
        return np.stack(columns, axis=1)

    margin = 1e-6 * (high - low)
    start = np.clip([_get(profile, p) for p in parameters], low + margin, high - margin)
    found = least_squares(
        kept, start, jacobian, (low, high), x_scale=pull, ftol=TOLERANCE, xtol=TOLERANCE, gtol=None,
        max_nfev=steps or MOST_STEPS,
    )  # fmt: skip
    data = found.fun[: len(found.fun) - len(parameters)]
    return Solution(place(profile, parameters, found.x, whole=True), data, bool(found.status > 0))


def place(profile: FaceProfile, parameters: list[Parameter], free: Floats, *, whole: bool) -> FaceProfile:
    """Write numbers of the searched line into a profile; ``whole`` rounds the dimension."""
    changes: dict[str, float | int] = {}
    real: float | None = None
    for parameter, value in zip(parameters, free, strict=True):
        number = parameter.to_profile(float(value))
        if parameter.key == "dimension":
            real = number
            continue
        changes[parameter.key] = number
        if parameter.key == "noise.image":
            ratio = profile.noise.person / max(profile.noise.image, 1e-9)
            changes["noise.person"] = min(number * ratio, 1.5)
        if parameter.key == "noise.unusable" and profile.noise.unusable_enrolment > 0.0:
            changes["noise.unusable"] = number / 2.0
            changes["noise.unusable_enrolment"] = number / 2.0
    made = profile.with_(changes) if changes else profile
    if real is None:
        return made
    # Only here, inside a search, has a profile a dimension between two whole numbers.
    return made.with_({"dimension": round(real)}) if whole else made.model_copy(update={"dimension": real})


def _get(profile: FaceProfile, parameter: Parameter) -> float:
    value = float(profile.dimension) if parameter.key == "dimension" else 0.0
    if "." in parameter.key:
        section, key = parameter.key.split(".")
        value = float(getattr(getattr(profile, section), key))
    if parameter.key == "noise.unusable":
        value += profile.noise.unusable_enrolment
    floor = max(parameter.low, 1e-9) if parameter.transform else parameter.low
    return parameter.to_free(float(np.clip(value, floor, parameter.high)))
