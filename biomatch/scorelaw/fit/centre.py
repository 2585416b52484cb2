"""The mean template: what a profile subtracts where a network's templates all lean one way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch.scorelaw.fit.compare import People

FAR = 0.3
"""Mean score of strangers from which centring is offered: cosine networks trained with a margin lie below
0.05, dlib's ResNet at 0.83.
"""
DIGITS = 7


def centre_of(
    templates: NDArray[np.float32], labels: NDArray[np.str_], only: NDArray[np.int64] | None = None
) -> list[float]:
    """Average the first images of identities, so that all people weigh the same.

    Returns
    -------
    list of float
        d values, rounded to seven decimals as they are stored: what is fitted is what is applied later.
    """
    people = People.of(labels)
    chosen = np.arange(len(people.names)) if only is None else only
    mean = templates[people.rows[people.start[chosen]]].astype(np.float64).sum(axis=0) / len(chosen)
    return [float(value) for value in np.round(mean, DIGITS)]
