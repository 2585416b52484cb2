"""The law of mated scores: noise of probe and enrolled images, goats, and years between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import roots_genlaguerre

from biomatch import facemodel
from biomatch.portable.types import Floats
from biomatch.scorelaw.nodes import chi_nodes, normal_nodes
from biomatch.scorelaw.noise import GRID, Acceptance, cosine_of, cosine_variance, sigma_at
from biomatch.settings.profile import FaceProfile

GOATS, IMAGES, SCATTER, RATES, NODES = 25, 91, 7, 9, 32
TRIM = 1e-7
"""Mass on either side of the expected cosines that the outermost nodes stand for."""


def face_correlations(
    profile: FaceProfile, latent: Floats, weight: Floats, means: tuple[float, float] | None = None
) -> tuple[Floats, Floats]:
    """Give the law of the expected cosine between two identity vectors with correlated latents.

    It is that of one person at two ages, or of two relatives of one group; it varies with the person's
    typicality a, the place |z| of the face and how far its latent happened to move.

    Parameters
    ----------
    profile : FaceProfile
    latent, weight : ndarray
        Shape (n,): correlations of (z, g), in [0, 1], and their weights, which add to 1.
    means : tuple of float, optional
        Inner product of the mean vectors of the two groups, and the square root of what is left for each
        face, multiplied; default: the reference population.

    Returns
    -------
    nodes, weights : ndarray
        Shape (m,), m at most NODES.
    """
    like = profile.likeness
    kernel, k = facemodel.kernel_of(profile), like.latent_dimension
    r = np.asarray(latent, dtype=np.float64)[:, None, None, None]
    typical, w_typical = normal_nodes(7, 3.0)
    a = facemodel.share(profile, typical)[None, :, None, None]
    length, w_length = roots_genlaguerre(5, k / 2.0 - 1.0)
    square = 2.0 * length[None, None, :, None]
    along, w_along = normal_nodes(11, 4.0)
    across, w_across = chi_nodes(k - 1, 12)
    # z' = r z + s e with s^2 = 1 - r^2; e goes forth along z and aside in k - 1 directions.
    forth, aside = (x.ravel() for x in np.broadcast_arrays(along[:, None], across[None, :]))
    w_step = np.outer(w_along, w_across).ravel()
    s, size = np.sqrt(1.0 - r**2), np.sqrt(square)
    distance = ((1.0 - r) * size - s * forth) ** 2 + (s * aside) ** 2
    moved = (r * size + s * forth) ** 2 + (s * aside) ** 2
    norm_a, norm_b = (a * kernel(np.zeros_like(x), x, x) + 1.0 - a for x in (square + 0.0 * moved, moved))
    face = (a * kernel(distance, square, moved) + (1.0 - a) * r) / np.sqrt(norm_a * norm_b)
    base, rest = means if means is not None else (like.mean_square, 1.0 - like.mean_square)
    value = base + rest * face
    mass = np.einsum("n,t,l,s->ntls", weight, w_typical, w_length / w_length.sum(), w_step)
    return _binned(np.minimum(value, 1.0).ravel(), np.broadcast_to(mass, value.shape).ravel())


def _binned(values: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Gather weighted values in NODES equal bins, each at its own mean: that does not widen their law."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(mass[order])
    low, high = (float(values[order[np.searchsorted(below, q * below[-1])]]) for q in (TRIM, 1.0 - TRIM))
    if high - low < 1e-6:
        return np.array([high]), np.ones(1)
    place = np.clip((values - low) / (high - low) * NODES, 0.0, NODES - 0.5).astype(np.int64)
    weight = np.bincount(place, mass, NODES)
    filled = weight > 0.0
    return np.bincount(place, mass * values, NODES)[filled] / weight[filled], np.asarray(weight[filled])


@dataclass(frozen=True)
class Mated:
    """Mated scores of a profile.

    Parameters
    ----------
    profile : FaceProfile
    images : int
        K, enrolled images; the best score counts.
    years : float
        Years between the enrolled images and the probe.
    noise_factor : float
        Factor on the probe's noise.
    """

    profile: FaceProfile
    images: int = 1
    years: float = 0.0
    noise_factor: float = 1.0

    def _paces(self) -> tuple[Floats, Floats]:
        """Give the expected cosine between the two faces, with weights over people's rates of ageing."""
        ageing = self.profile.ageing
        if self.years == 0.0 or ageing.rate_per_year == 0.0:
            return np.ones(1), np.ones(1)
        pace, weight = normal_nodes(RATES, 3.6)
        x = ageing.rate_per_year * np.exp(ageing.spread * pace) * abs(self.years)
        return face_correlations(self.profile, facemodel.age_correlation(x), weight)

    def misses(self, threshold: float, correlation: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Give the chance of a miss by the probe's noise.

        Returns
        -------
        miss : ndarray
            Shape (GOATS, IMAGES): chance that no enrolled image reaches the threshold.
        deviation : ndarray
            Same shape: log(sigma / scale) of the probe.
        node_weight : ndarray
            Same shape, adds to 1.
        """
        profile, d = self.profile, self.profile.dimension
        goats, goat_weight = normal_nodes(GOATS, 5.0)
        accept = Acceptance(profile, d, self.images, goats, goat_weight)
        log_miss = np.log1p(-np.minimum(accept.by_goat(threshold), 1.0 - 1e-16))
        image, image_weight = normal_nodes(IMAGES, 6.0)
        spread = facemodel.image_spread(profile, enrolment=False)
        deviation = profile.noise.person * goats[:, None] + spread * image[None, :]
        sigma = sigma_at(profile, deviation + np.log(self.noise_factor))[:, :, None, None]
        c, v = cosine_of(sigma), cosine_variance(sigma)
        rho = correlation[None, None, :, None]
        mean = rho * c
        variance = c**2 * (1.0 - rho**2) ** 2 + (1.0 - c**2) * (1.0 - rho**2) + rho**2 * v
        shift, shift_weight = normal_nodes(SCATTER, 3.0)
        sd = np.sqrt(variance / d) / (1.0 - mean**2)
        b = np.tanh(np.arctanh(np.minimum(mean, 0.999)) + sd * shift)
        miss = np.empty(b.shape)
        for g in range(GOATS):
            miss[g] = np.exp(np.interp(b[g], GRID, log_miss[g]))
        mean_miss = np.einsum("giys,y,s->gi", miss, weight, shift_weight)
        return mean_miss, deviation, goat_weight[:, None] * image_weight[None, :]

    def fnmr(self, threshold: Floats | float) -> Floats:
        """Give the false non-match rate with K images, unusable probes included; in [0, 1], rising in T."""
        correlation, weight = self._paces()
        lost = self.profile.noise.unusable
        values = []
        for t in np.atleast_1d(np.asarray(threshold, dtype=np.float64)):
            miss, _, node = self.misses(float(t), correlation, weight)
            values.append(lost + (1.0 - lost) * float((miss * node).sum()))
        return np.asarray(values).reshape(np.shape(threshold))

    def kin(
        self, threshold: Floats | float, latent: float, means: tuple[float, float] | None = None
    ) -> Floats:
        """Give the false match rate between relatives whose latents have a correlation; it falls in T."""
        correlation, weight = face_correlations(self.profile, np.array([latent]), np.ones(1), means)
        values = []
        for t in np.atleast_1d(np.asarray(threshold, dtype=np.float64)):
            miss, _, node = self.misses(float(t), correlation, weight)
            values.append((1.0 - self.profile.noise.unusable) * float(((1.0 - miss) * node).sum()))
        return np.asarray(values).reshape(np.shape(threshold))

    def outranked(self, strangers: Floats, deviation: Floats, thresholds: Floats) -> float:
        """Rank-1 miss without a threshold.

        Parameters
        ----------
        strangers : ndarray
            Shape (noises, t): chance that a stranger reaches each threshold, by the probe's noise.
        deviation : ndarray
            Shape (noises,): log(sigma / scale) of those rows, equally spaced.
        thresholds : ndarray
            Shape (t,), rising.

        Returns
        -------
        float
            Chance that the best stranger scores above the mate, unusable probes included.
        """
        correlation, weight = self._paces()
        total, before = 0.0, None
        for column, t in enumerate(thresholds):
            miss, noise, node = self.misses(float(t), correlation, weight)
            above = np.interp(noise, deviation, strangers[:, column])
            if before is not None:
                # The mate scores between two thresholds; a stranger reaches their middle.
                total += float(((miss - before[0]) * 0.5 * (above + before[1]) * node).sum())
            else:
                total += float((miss * above * node).sum())
            before = (miss, above)
        lost = self.profile.noise.unusable
        return lost + (1.0 - lost) * total
