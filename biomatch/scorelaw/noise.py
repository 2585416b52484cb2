"""From a captured probe to an enrolled image: the part of the score laws that noise makes.

With ``u`` the identity vector of the enrolled person, B = cos(probe, u) and an enrolled image
x = c1 u + s1 v, where v is uniform in the directions orthogonal to u,

    score = c1 B + s1 sqrt(1 - B^2) t,      t the cosine of a random direction, variance about 1/d,

exactly, and t has a known law (`deviate`). The same step serves mated and non-mated scores:
only the law of B differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from biomatch import facemodel
from biomatch.portable.types import Floats
from biomatch.scorelaw.nodes import normal_nodes
from biomatch.settings.profile import FaceProfile

GRID = np.arange(-0.36, 0.9961, 0.004)
"""Values of B on which acceptance is tabulated; the spacing is a tenth of the narrowest kernel's width."""


def cosine_of(sigma: Floats) -> Floats:
    """Typical cosine between a capture with noise sigma and its identity: 1/sqrt(1 + sigma^2)."""
    return np.asarray(1.0 / np.sqrt(1.0 + sigma**2))


def cosine_variance(sigma: Floats) -> Floats:
    """Variance, times d, of the cosine between a capture and its identity (delta method)."""
    square = sigma**2
    return np.asarray((square**3 + square**2 / 2.0) / (1.0 + square) ** 3)


def sigma_at(profile: FaceProfile, deviation: Floats) -> Floats:
    """Noise at a deviation of its logarithm."""
    return np.asarray(profile.noise.scale * np.exp(deviation))


def deviate(cosine: Floats, dimension: int) -> Floats:
    """Standard normal deviate with the tail of a random direction's cosine in the d - 1 orthogonal ones.

    That cosine is t / sqrt(v + t^2) with Student's t of v = d - 2 degrees, and t's deviate is Wallace's
    (Annals of Mathematical Statistics 30, 1959): its tail is within 0.02% of the exact one. A normal law with
    variance 1/d is 10% too light at 4.5 standard deviations.
    """
    freedom = dimension - 2.0
    square = np.minimum(cosine**2, 1.0 - 1e-12)
    factor = np.sqrt(freedom) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return np.asarray(factor * np.sign(cosine) * np.sqrt(-np.log1p(-square)))


@dataclass(frozen=True)
class Acceptance:
    """Chance that at least one of K enrolled images of a person reaches a threshold, given B.

    Parameters
    ----------
    profile : FaceProfile
    dimension : int
    images : int
        K, number of enrolled images, each with its own noise.
    goats, goat_weights : ndarray
        Nodes of the enrolled person's G (how hard to match).
    image_nodes : int
        Nodes of an enrolled image's own quality.
    image_spread : float, optional
        Log standard deviation of the noise between enrolled images; default: the profile's.
    """

    profile: FaceProfile
    dimension: int
    images: int
    goats: Floats
    goat_weights: Floats
    image_nodes: int = 21
    image_spread: float | None = None

    def by_goat(self, threshold: float) -> Floats:
        """Give the chance of acceptance for each G and each B of `GRID`, shape (goats, len(GRID))."""
        noise = self.profile.noise
        q, weight = normal_nodes(self.image_nodes, 4.5)
        spread = self.image_spread
        if spread is None:
            spread = facemodel.image_spread(self.profile, enrolment=True)
        deviation = noise.person * self.goats[:, None] + spread * q[None, :]
        sigma = sigma_at(self.profile, deviation)[:, :, None]
        c = cosine_of(sigma)
        variance = (1.0 - c**2) * (1.0 - GRID**2) + GRID**2 * cosine_variance(sigma)
        one = np.tensordot(
            ndtr(-deviate((threshold - c * GRID) / np.sqrt(variance), self.dimension)),
            weight,
            axes=([1], [0]),
        )
        one *= 1.0 - noise.unusable_enrolment
        if self.images == 1:
            return np.asarray(one)
        return np.asarray(-np.expm1(self.images * np.log1p(-np.minimum(one, 1.0 - 1e-16))))

    def overall(self, threshold: float) -> Floats:
        """Give the chance of acceptance by somebody of unknown G, shape (len(GRID),)."""
        return np.asarray(self.goat_weights @ self.by_goat(threshold))
