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
from scipy.special import ndtr

from biomatch import facemodel
from biomatch.portable.types import Floats
from biomatch.scorelaw.nodes import chi_nodes, deposit, monotone_cubic, normal_nodes
from biomatch.scorelaw.noise import GRID, Acceptance, cosine_of, cosine_variance, sigma_at
from biomatch.settings.profile import FaceProfile

LENGTHS, SHARES, NOISES, SHIFTS = 12, 7, 9, 5
LEAN_AT, LEAN_POWER, MOST_LEAN = 0.235, 1.5, 0.6
"""Expected cosine of two faces at which ``likeness.common`` is the shared part of the scatter; how that part
grows with the cosine; and its limit.

The nearer strangers are to a probe, the more they share of its individual part. Both numbers were set to
FPIR counted at N = 2,000 to 200,000 (24,000 probes; leader and 50th tier alike), where a constant part gives
up to 10% too much at 200,000; N = 1.6 million was kept from them (benchmarks/results/closed-form-*.md).
"""
THRESHOLDS = np.arange(0.02, 0.985, 0.0125)
"""Thresholds at which the law is tabulated; between them its logarithm is interpolated."""


@dataclass(frozen=True)
class Probes:
    """Kinds of probes and the law of their likeness to strangers.

    Attributes
    ----------
    weight : ndarray
        Shape (p,), adds to 1, p = LENGTHS * SHARES * NOISES * SHIFTS, in this order.
    expected : ndarray
        Shape (NOISES, LENGTHS * SHARES, rows): law of the expected cosine between probe and stranger's
        identity, mass on each of the `rows` points of `GRID` that have any.
    spreads : ndarray
        Shape (NOISES, SHIFTS, rows, len(GRID)): from the expected to the realised cosine B.
    deviation : ndarray
        Shape (NOISES,): nodes of log(sigma / scale) of the probe.
    """

    weight: Floats
    expected: Floats
    spreads: Floats
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
    window : tuple of float, optional
        Lowest and highest threshold that will be asked for: a fit tabulates no more. None: all.
    """

    profile: FaceProfile
    images: int = 1
    groups: tuple[str, str] | None = None
    noise_factor: float = 1.0
    window: tuple[float, float] | None = None
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
        along, along_weight = normal_nodes(61, 7.0)
        across, across_weight = chi_nodes(k - 1, 60)
        other, other_weight = normal_nodes(11, 4.5)
        a_other = facemodel.share(profile, other)
        square = along[:, None] ** 2 + across[None, :] ** 2
        own_norm = kernel(np.zeros_like(square), square, square)[:, :, None]
        factor = np.sqrt(a_other / (a_other * own_norm + 1.0 - a_other))
        mass = (along_weight[:, None] * across_weight[None, :])[:, :, None] * other_weight
        likeness_grid = np.linspace(-1.2, 1.8, 1201)
        expected = np.empty((NOISES, LENGTHS * SHARES, len(GRID)))
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
                    expected[n, i * SHARES + j] = deposit(cosine[n] * cosine_of_faces, heap[filled], GRID)
        rows = np.flatnonzero(expected.any(axis=(0, 1)))
        spreads = np.array(
            [
                [_spreading(c, v, d, profile.likeness.common, float(s), GRID[rows]) for s in shift]
                for c, v in zip(cosine, variance, strict=True)
            ]
        )
        weight = np.einsum("i,j,n,s->ijns", length_weight, typical_weight, noise_weight, shift_weight).ravel()
        return Probes(weight, np.ascontiguousarray(expected[:, :, rows]), spreads, deviation)

    @cached_property
    def thresholds(self) -> Floats:
        """Those of THRESHOLDS that the law is tabulated at: all, or the ones in and about the window."""
        if self.window is None:
            return THRESHOLDS
        first, last = np.searchsorted(THRESHOLDS, self.window)
        return THRESHOLDS[max(int(first) - 3, 0) : int(last) + 3]

    @cached_property
    def table(self) -> Floats:
        """FMR for each kind of probe and each threshold, shape (p, thresholds)."""
        # An enrolled person's G and his one image's noise are one normal deviation; several share the G.
        spread = float(
            np.hypot(self.profile.noise.person, facemodel.image_spread(self.profile, enrolment=True))
        )
        if self.images == 1:
            accept = Acceptance(
                self.profile, self.profile.dimension, 1, np.zeros(1), np.ones(1), 21, image_spread=spread
            )
        else:
            goats, weights = normal_nodes(9, 3.6)
            accept = Acceptance(self.profile, self.profile.dimension, self.images, goats, weights, 11)
        columns = np.stack([accept.overall(float(t)) for t in self.thresholds], axis=1)
        probes = self.probes
        found = np.empty((LENGTHS * SHARES, NOISES, SHIFTS, len(self.thresholds)))
        for n in range(NOISES):
            found[:, n] = (probes.expected[n] @ (probes.spreads[n] @ columns)).transpose(1, 0, 2)
        return np.asarray(np.clip(found.reshape(-1, len(self.thresholds)), 0.0, 1.0 - 1e-15))

    def _noise_only(self) -> Floats:
        """FMR of an unusable probe, a random direction, at each threshold."""
        z = np.arctanh(self.thresholds) * np.sqrt(self.profile.dimension - 2.0)
        return np.asarray(self.images * ndtr(-z))

    def _mix(self, usable: Floats, unusable: Floats) -> Floats:
        share = self.profile.noise.unusable
        return np.asarray((1.0 - share) * usable + share * np.clip(unusable, 0.0, 1.0))

    def fmr(self, threshold: Floats | float) -> Floats:
        """Give the false match rate of one comparison with a person (K images), in [0, 1]; it falls in T."""
        if "fmr" not in self._cache:
            self._cache["fmr"] = _log(self._mix(self.probes.weight @ self.table, self._noise_only()))
        return _read(self.thresholds, self._cache["fmr"], threshold)

    def fpir(self, gallery: int | float, threshold: Floats | float) -> Floats:
        """Give FPIR against N persons, in [0, 1], falling in T and rising in N."""
        key = f"fpir {gallery}"
        if key not in self._cache:
            probe = -np.expm1(gallery * np.log1p(-self.table))
            lost = -np.expm1(gallery * np.log1p(-np.minimum(self._noise_only(), 1.0 - 1e-15)))
            self._cache[key] = _log(self._mix(self.probes.weight @ probe, lost))
        return _read(self.thresholds, self._cache[key], threshold)

    def outranked(self, gallery: int | float) -> Floats:
        """Chance that some stranger reaches each threshold, by the probe's noise.

        Returns
        -------
        ndarray
            Shape (NOISES, thresholds), those of THRESHOLDS where there is no window; nodes are
            ``probes.deviation``.
        """
        shape = (LENGTHS * SHARES, NOISES, SHIFTS, len(self.thresholds))
        probe = -np.expm1(gallery * np.log1p(-self.table)).reshape(shape)
        weight = self.probes.weight.reshape(shape[:3])
        return np.asarray((probe * weight[..., None]).sum(axis=(0, 2)) / weight.sum(axis=(0, 2))[:, None])


def _read(thresholds: Floats, log_values: Floats, threshold: Floats | float) -> Floats:
    """Interpolate a falling table in its logarithm, by a monotone cubic."""
    t = np.clip(np.asarray(threshold, dtype=np.float64), thresholds[0], thresholds[-1])
    return np.asarray(np.exp(monotone_cubic(thresholds, log_values, t)))


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


def _spreading(
    cosine: float, variance: float, dimension: int, common: float, shift: float, expected: Floats
) -> Floats:
    """Kernel from the expected to the realised B: rows are expected values, columns are `GRID`."""
    likeness = np.clip(expected / cosine, -0.98, 0.98)
    spread = cosine**2 * (1.0 - likeness**2) ** 2
    spread += (1.0 - cosine**2) * (1.0 - likeness**2) + likeness**2 * variance
    sd = np.sqrt(spread / dimension) / (1.0 - expected**2)
    lean = np.minimum(common * (np.maximum(likeness, 0.0) / LEAN_AT) ** LEAN_POWER, MOST_LEAN)
    centre = np.arctanh(expected) + np.sqrt(lean) * shift * sd
    narrow = sd * np.sqrt((1.0 - lean) * dimension)
    distance = np.arctanh(GRID)[None, :] - centre[:, None]
    distance /= narrow[:, None]
    square = np.square(distance, out=distance)
    # Fisher's z of a cosine has the density sech(z)^(d - 2), whose tail is heavier than the normal law's.
    log_cosh = square * (0.5 - square * (1.0 / 12.0 - square / 45.0))
    log_cosh *= 2.0 - dimension
    kernel = np.exp(log_cosh, out=log_cosh) / (1.0 - GRID**2)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))
