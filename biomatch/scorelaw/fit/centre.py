"""The mean template: what a profile subtracts where a network's templates all lean one way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch.scorelaw.fit.sample import ScoreSample

FAR = 0.3
"""Mean score of strangers from which centring is offered: networks trained with a margin lie below 0.05,
dlib's ResNet at 0.83.
"""
DIGITS = 7


def centre_of(templates: NDArray[np.float32], labels: NDArray[np.str_]) -> tuple[float, ...]:
    """Average the first images of identities, so that all people weigh the same.

    Returns
    -------
    tuple of float
        d values, rounded to seven decimals as they are stored: what is fitted is what is applied later.
    """
    _, first = np.unique(labels, return_index=True)
    mean = templates[np.sort(first)].astype(np.float64).sum(axis=0) / len(first)
    return tuple(float(value) for value in np.round(mean, DIGITS))


def leaning(sample: ScoreSample) -> list[str]:
    """Say that strangers score high on average, and what helps; empty where they do not."""
    if sample.dimension is None or sample.mean_non_mated < FAR:
        return []
    return [
        f"strangers score {sample.mean_non_mated:.2f} on average: the templates all lean one way, which this "
        "model does not hold; fit with --centre, and subtract the same centre wherever the matcher compares"
    ]
