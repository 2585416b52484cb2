"""Laws of mated scores: how many mated searches lie near the floor, where codes may lose their mates.

What the codes add to FNIR is the chance of losing a mate of score s, averaged over the scores that mates
have. Mates far above the floor are never lost, so all that matters is how many lie close above it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError

BIN = 0.005
"""Width of the bins of score: a bin counts as if all of it lay at its lower edge."""
EDGES: NDArray[np.float64] = (np.arange(-200, 201) * BIN).astype(np.float64)
"""Edges of the bins, shape (401,), -1 to 1."""
MOST_DENSITY = 1.0
"""Largest density of mated scores that is assumed where no law is named: at most 1 mated search in 100 has
a score within any 0.01 above the floor. Assumed. Within 0.05 above the threshold of FPIR 0.003 at a million
enrolled, the closed forms of the built-in profiles give 0.01 (leader) to 0.6 (boarding-median), and of the
leader at twice the noise 0.6. A matcher that misses a third of its mates is beyond it (50th, twice the
noise: 4.6)."""


@dataclass(frozen=True, eq=False)
class MatedScores:
    """Upper bounds of the share of mated searches in each bin of score.

    Parameters
    ----------
    name : str
        What it is the law of; `Gallery.about` says it.
    shares : ndarray
        Shape (400,), float64: of the mated searches, at most how many have a score in ``EDGES[i]`` to
        ``EDGES[i + 1]``.

    Raises
    ------
    GalleryError
        For a name that is empty or shares that are not 400 numbers between 0 and 1.

    Examples
    --------
    >>> law = MatedScores.from_fnmr("uniform", lambda score: np.clip(score, 0, 1))
    >>> round(float(law.shares.sum()), 6), round(law.within(0.5, 0.05), 6)
    (1.0, 0.05)
    """

    name: str
    shares: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= 200:
            raise GalleryError(
                f"a law of mated scores named {self.name!r:.80}", allowed="1 to 200 characters"
            )
        try:
            clean = np.array(self.shares, np.float64)
        except (TypeError, ValueError):
            clean = np.empty(0)
        if clean.shape != (len(EDGES) - 1,) or not ((clean >= 0) & (clean <= 1)).all():
            raise GalleryError(
                f"shares of mated scores of shape {clean.shape}",
                allowed=f"{len(EDGES) - 1} numbers between 0 and 1",
                remedy="make them with MatedScores.from_fnmr or MatedScores.from_scores",
            )
        clean.flags.writeable = False
        object.__setattr__(self, "shares", clean)

    @classmethod
    def from_fnmr(cls, name: str, fnmr: Callable[[NDArray[np.float64]], Any]) -> Self:
        """Take the law from its distribution: the share of mated searches whose score is below a score.

        Parameters
        ----------
        name : str
            What it is the law of.
        fnmr : callable
            Gives, for scores of shape (n,), the false non-match rates at them: of a profile,
            ``biomatch.scorelaw.ScoreLaw(profile).fnmr``.
        """
        rates = np.asarray(fnmr(EDGES), np.float64)
        if rates.shape != EDGES.shape or not np.isfinite(rates).all():
            raise GalleryError(
                f"false non-match rates of shape {rates.shape}", allowed="a finite one a score"
            )
        return cls(name, np.clip(np.diff(np.clip(rates, 0, 1)), 0, 1))

    @classmethod
    def from_scores(cls, name: str, scores: NDArray[np.floating[Any]]) -> Self:
        """Take the law from mated scores, shape (n,), n at least 1: the share in each bin, as counted."""
        values = np.asarray(scores, np.float64)
        if values.ndim != 1 or not len(values) or not (np.abs(values) <= 1 + BIN).all():
            raise GalleryError(f"mated scores of shape {values.shape}", allowed="cosines, shape (n,), n >= 1")
        counts = np.histogram(np.clip(values, -1, 1), EDGES)[0]
        return cls(name, counts / len(values))

    def within(self, score: float, width: float) -> float:
        """Bound the share of mated searches with a score from `score` to `score + width`."""
        middle = (EDGES[:-1] + EDGES[1:]) / 2
        return float(self.shares[(middle > score) & (middle < score + width)].sum())

    def plain(self) -> dict[str, Any]:
        """Give it in plain data."""
        return {"name": self.name, "shares": self.shares.tolist()}

    @classmethod
    def of_plain(cls, plain: Any) -> Self:
        """Take what `plain` gave; anything else is refused."""
        if not isinstance(plain, dict) or plain.keys() != {"name", "shares"}:
            raise GalleryError(f"a law of mated scores {plain!r:.80}", allowed="a name and its shares")
        return cls(plain["name"], plain["shares"])


ASSUMED = MatedScores(
    f"assumed: at most 1 mated search in {round(1 / (MOST_DENSITY * 0.01))} within any 0.01 of score",
    np.full(len(EDGES) - 1, MOST_DENSITY * BIN),
)
"""The law where none is named."""
