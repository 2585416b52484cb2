"""The law of non-mated scores, given what a probe is like.

A stranger's likeness to a probe hangs on the probe's latent only through its length |z|, its share a and
its cosine c2 with its own identity, for the kernel is isotropic. For each such kind of probe the law of

    b = c2 (mu + sqrt((1 - |mu_i|^2)(1 - |mu_j|^2)) sqrt(a_i a_j) K(z_i, z_j) / (|h_i| |h_j|))

over random strangers i is tabulated by quadrature over (component of z_i along z_j, length of the rest,
typicality T_i), then spread by the individual parts (Fisher's z, variance about 1/d), then passed through
`Acceptance`. Quadrature, not simulation: the table reaches FMR 1e-12 and far below, without seeds.

Given the probe, strangers are independent, so FPIR(N, T) = E_probe[1 - (1 - FMR(T | probe))^N] accounts for
false matches that cluster by person: by typicality, by place in the latent space and by image quality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from biomatch import facemodel
from biomatch.scorelaw.nodes import chi_nodes, deposit, monotone_cubic, normal_nodes
from biomatch.scorelaw.noise import GRID, Acceptance, cosine_of, cosine_variance, sigma_at
from biomatch.settings.profile import FaceProfile

Floats = NDArray[np.float64]
LENGTHS, SHARES, NOISES, SHIFTS = 12, 7, 13, 5
LEAN_AT, MOST_LEAN = 0.23, 0.6
"""Expected cosine of two faces at which ``likeness.common`` is the shared part of the scatter, and its limit.

The nearer strangers are to a probe the more they share of its individual part, so the part grows with the
likeness. The proportion, and 0.23 for it, bring the closed form within 3% of FPIR counted at N = 2,000 to
200,000 (24,000 probes) where a constant part is up to 10% too high at 200,000; the same number serves the
leader and the 50th tier (benchmarks/results/clustering.md).
"""
THRESHOLDS = np.arange(0.02, 0.985, 0.0125)
"""Thresholds at which the law is tabulated; between them its logarithm is interpolated."""


@dataclass(frozen=True)
class Probes:
    """Kinds of probes and the law of their likeness to strangers.

    Attributes
    ----------
    weight : ndarray
        Shape (p,), adds to 1, p = LENGTHS * SHARES * NOISES, in this order.
    law : ndarray
        Shape (p, len(GRID)): law of B = cos(probe, stranger's identity), mass on each point of `GRID`.
    deviation : ndarray
        Shape (NOISES,): nodes of log(sigma / scale) of the probe, the last of the three axes.
    """

    weight: Floats
    law: Floats
    deviation: Floats


@dataclass(frozen=True)
class NonMated:
    """Non-mated scores of a profile.

    Parameters
    ----------
    profile : FaceProfile
    images : int
        K, enrolled images of each person.
    groups : tuple of str, optional
        Group of the probe and of the gallery; None: both of the reference population.
    noise_factor : float
        Factor on the probe's noise.
    """

    profile: FaceProfile
    images: int = 1
    groups: tuple[str, str] | None = None
    noise_factor: float = 1.0
    _cache: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _means(self) -> tuple[float, float]:
        """Inner product of the two groups' means, and what is left for the face itself."""
        base = self.profile.likeness.mean_square
        return (
            (base, 1.0 - base)
            if self.groups is None
            else facemodel.group_means_of(self.profile, *self.groups)
        )

    @cached_property
    def probes(self) -> Probes:
        """Tabulate the kinds of probes; about a fifth of a second."""
        profile, d = self.profile, self.profile.dimension
        noise, k = profile.noise, profile.likeness.latent_dimension
        kernel = facemodel.kernel_of(profile)
        mean, rest = self._means
        lengths, length_weight = chi_nodes(k, 60)
        # Few lengths suffice for the probe (its law is smooth): every node stands for its neighbours.
        lengths, length_weight = _thin(lengths, length_weight, LENGTHS)
        typical, typical_weight = normal_nodes(SHARES, 3.6)
        spread = float(np.hypot(noise.person, facemodel.image_spread(profile, enrolment=False)))
        steps, noise_weight = normal_nodes(NOISES, 4.2)
        deviation = spread * steps
        if self.groups is not None:
            deviation = deviation + np.log(profile.groups.members[self.groups[0]].noise)
        sigma = sigma_at(profile, deviation + np.log(self.noise_factor))
        cosine, variance = cosine_of(sigma), cosine_variance(sigma)
        shift, shift_weight = np.polynomial.hermite_e.hermegauss(SHIFTS)
        shift_weight = shift_weight / shift_weight.sum()
        spreads = [
            np.concatenate([_spreading(c, v, d, profile.likeness.common, float(s)) for s in shift], axis=1)
            for c, v in zip(cosine, variance, strict=True)
        ]
        along, along_weight = normal_nodes(61, 7.0)
        across, across_weight = chi_nodes(k - 1, 60)
        other, other_weight = normal_nodes(11, 4.5)
        a_other = facemodel.share(profile, other)
        square = along[:, None] ** 2 + across[None, :] ** 2
        own_norm = kernel(np.zeros_like(square), square, square)[:, :, None]
        factor = np.sqrt(a_other / (a_other * own_norm + 1.0 - a_other))
        mass = (along_weight[:, None] * across_weight[None, :])[:, :, None] * other_weight
        likeness_grid = np.linspace(-1.2, 1.8, 1201)
        expected = np.empty((NOISES, LENGTHS, SHARES, len(GRID)))
        a_probe = facemodel.share(profile, typical)
        for i, length in enumerate(lengths):
            distance = (along[:, None] - length) ** 2 + across[None, :] ** 2
            value = kernel(distance, np.full_like(square, length**2), square)
            v = (value[:, :, None] * factor).ravel()
            heap = deposit(v, mass.ravel(), likeness_grid)
            filled = heap > 0.0
            self_norm = float(kernel(np.zeros(1), np.array([length**2]), np.array([length**2]))[0])
            scale = np.sqrt(a_probe / (a_probe * self_norm + 1.0 - a_probe))
            for j in range(SHARES):
                cosine_of_faces = mean + rest * scale[j] * likeness_grid[filled]
                for n in range(NOISES):
                    expected[n, i, j] = deposit(cosine[n] * cosine_of_faces, heap[filled], GRID)
        # Few large products: many small ones would leave the linear algebra's threads waiting for each other.
        law = np.stack([expected[n] @ spreads[n] for n in range(NOISES)], axis=2)
        weight = np.einsum("i,j,n,s->ijns", length_weight, typical_weight, noise_weight, shift_weight).ravel()
        return Probes(weight, law.reshape(-1, len(GRID)), deviation)

    @cached_property
    def table(self) -> Floats:
        """FMR for each kind of probe and each of THRESHOLDS, shape (p, thresholds)."""
        goats, weights = normal_nodes(9, 3.6)
        accept = Acceptance(self.profile, self.profile.dimension, self.images, goats, weights, 11)
        columns = np.stack([accept.overall(float(t)) for t in THRESHOLDS], axis=1)
        return np.asarray(np.clip(self.probes.law @ columns, 0.0, 1.0 - 1e-15))

    def _noise_only(self) -> Floats:
        """FMR of an unusable probe, a random direction, at THRESHOLDS."""
        return np.asarray(self.images * ndtr(-np.arctanh(THRESHOLDS) * np.sqrt(self.profile.dimension - 2.0)))

    def _mix(self, usable: Floats, unusable: Floats) -> Floats:
        share = self.profile.noise.unusable
        return np.asarray((1.0 - share) * usable + share * np.clip(unusable, 0.0, 1.0))

    def fmr(self, threshold: Floats | float) -> Floats:
        """Give the false match rate of one comparison with a person (K images), in [0, 1]; it falls in T."""
        if "fmr" not in self._cache:
            self._cache["fmr"] = _log(self._mix(self.probes.weight @ self.table, self._noise_only()))
        return _read(self._cache["fmr"], threshold)

    def fpir(self, gallery: int | float, threshold: Floats | float) -> Floats:
        """Give FPIR against N persons, in [0, 1], falling in T and rising in N."""
        key = f"fpir {gallery}"
        if key not in self._cache:
            probe = -np.expm1(gallery * np.log1p(-self.table))
            lost = -np.expm1(gallery * np.log1p(-np.minimum(self._noise_only(), 1.0 - 1e-15)))
            self._cache[key] = _log(self._mix(self.probes.weight @ probe, lost))
        return _read(self._cache[key], threshold)

    def outranked(self, gallery: int | float) -> Floats:
        """Chance that some stranger reaches each of THRESHOLDS, by the probe's noise.

        Returns
        -------
        ndarray
            Shape (NOISES, thresholds); nodes are ``probes.deviation``.
        """
        shape = (LENGTHS * SHARES, NOISES, SHIFTS, len(THRESHOLDS))
        probe = -np.expm1(gallery * np.log1p(-self.table)).reshape(shape)
        weight = self.probes.weight.reshape(shape[:3])
        return np.asarray((probe * weight[..., None]).sum(axis=(0, 2)) / weight.sum(axis=(0, 2))[:, None])


def _read(log_values: Floats, threshold: Floats | float) -> Floats:
    """Interpolate a falling table in its logarithm, by a monotone cubic."""
    t = np.clip(np.asarray(threshold, dtype=np.float64), THRESHOLDS[0], THRESHOLDS[-1])
    return np.asarray(np.exp(monotone_cubic(THRESHOLDS, log_values, t)))


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.clip(values, 1e-300, 1.0)))


def _thin(nodes: Floats, weights: Floats, count: int) -> tuple[Floats, Floats]:
    """Merge nodes into `count` equally wide ones around the bulk, keeping mass and mean."""
    centre = float(weights @ nodes)
    sd = float(np.sqrt(weights @ (nodes - centre) ** 2))
    edges = np.concatenate(
        [[-np.inf], np.linspace(centre - 3.5 * sd, centre + 3.5 * sd, count - 1), [np.inf]]
    )
    part = np.digitize(nodes, edges) - 1
    mass = np.bincount(part, weights, count)
    total = np.bincount(part, weights * nodes, count)
    return np.asarray(np.where(mass > 0, total / np.maximum(mass, 1e-300), centre)), np.asarray(mass)


def _spreading(cosine: float, variance: float, dimension: int, common: float, shift: float) -> Floats:
    """Kernel from the expected to the realised B: rows are expected values, columns realised ones."""
    likeness = np.clip(GRID / cosine, -0.98, 0.98)
    spread = cosine**2 * (1.0 - likeness**2) ** 2
    spread += (1.0 - cosine**2) * (1.0 - likeness**2) + likeness**2 * variance
    sd = np.sqrt(spread / dimension) / (1.0 - GRID**2)
    z = np.arctanh(GRID)
    lean = np.minimum(common * np.maximum(likeness, 0.0) / LEAN_AT, MOST_LEAN)
    distance = (z[None, :] - z[:, None]) / sd[:, None] - (np.sqrt(lean) * shift)[:, None]
    kernel = np.exp(-(distance**2) / (2.0 * (1.0 - lean[:, None]))) / (1.0 - GRID[None, :] ** 2)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))
