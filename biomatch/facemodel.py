"""The formulas of a face profile: what the generator samples and what the score laws integrate.

Identity i is the unit vector along

    h_i = mu_group + sqrt(1 - |mu|^2) (sqrt(a_i) F(z_i) + sqrt(1 - a_i) g_i / sqrt(d))

with z_i in R^k and g_i in R^d standard normal, ``F`` a centred random Fourier feature map with kernel
exp(-|z - z'|^2 / (2 l^2)), and ``a_i`` the share of the low-dimensional part, larger for typical faces.
A capture of it is the unit vector along ``u_i + sigma n / sqrt(d) + camera offset``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import SettingsError
from biomatch.settings.base import nearest
from biomatch.settings.profile import FaceProfile
from biomatch.streams import stream

Floats = NDArray[np.float64]

AGE_STEP = 0.5
"""Spacing of the logarithms of the ageing frequencies; see `age_spectrum`."""


def age_spectrum() -> tuple[Floats, Floats]:
    """Give frequencies and weights whose cosines add up to an Ornstein-Uhlenbeck correlation.

    Returns
    -------
    frequencies, weights : ndarray
        Shape (18,); ``sum(w * cos(f * x))`` is within 0.009 of ``exp(-x)`` for x up to 0.2, 0.022 up to
        0.5 and 0.052 up to 1, where x = rate * years (0.2 is about 14 years of the leader's profile).

    Notes
    -----
    The spectrum of exp(-|x|) is a Cauchy law; log-spaced nodes resolve it at every scale. A coordinate
    ``A cos(f x) + B sin(f x)`` with A, B standard normal is then stationary with that correlation, so
    that a face can be had at any year without walking through the years before.
    """
    frequency = np.exp(np.arange(-3.0, 5.0 + 1e-9, AGE_STEP))
    weight = 2.0 / np.pi * frequency / (1.0 + frequency**2) * AGE_STEP
    still = 2.0 / np.pi * np.arctan(np.exp(-3.0 - AGE_STEP / 2.0))
    frequency, weight = np.append(0.0, frequency), np.append(still, weight)
    return frequency, weight / weight.sum()


def age_correlation(x: Floats | float) -> Floats:
    """Correlation of a latent with itself after x = rate * years; 1 at 0 and about exp(-x)."""
    frequency, weight = age_spectrum()
    return np.asarray(np.cos(np.multiply.outer(np.asarray(x, dtype=np.float64), frequency)) @ weight)


@dataclass(frozen=True)
class Kernel:
    """The centred and scaled kernel of the feature map: expected F(z).F(z')."""

    latent_dimension: int
    length: float

    @property
    def _grand(self) -> float:
        square = self.length**2
        return float((square / (square + 2.0)) ** (self.latent_dimension / 2.0))

    def mean_to(self, square: Floats) -> Floats:
        """Mean of the raw kernel between a point at squared length ``square`` and a random one."""
        scale = self.length**2
        front = (scale / (scale + 1.0)) ** (self.latent_dimension / 2.0)
        return np.asarray(front * np.exp(-square / (2.0 * (scale + 1.0))))

    def __call__(self, distance_square: Floats, square_a: Floats, square_b: Floats) -> Floats:
        """Give the expected F(a).F(b) from |a - b|^2, |a|^2 and |b|^2; its mean over random pairs is 0."""
        raw = np.exp(-distance_square / (2.0 * self.length**2))
        centred = raw - self.mean_to(square_a) - self.mean_to(square_b) + self._grand
        return np.asarray(centred / (1.0 - self._grand))


def kernel_of(profile: FaceProfile) -> Kernel:
    """Make the kernel of a profile."""
    return Kernel(profile.likeness.latent_dimension, profile.likeness.length)


def share(profile: FaceProfile, typicality: Floats) -> Floats:
    """Share a_i of the low-dimensional part, from a standard normal typicality T_i."""
    base = profile.likeness.share
    if base <= 0.0:
        return np.zeros_like(typicality)
    odds = base / (1.0 - base) * np.exp(profile.likeness.typicality * typicality)
    return np.asarray(odds / (1.0 + odds))


def image_spread(profile: FaceProfile, *, enrolment: bool) -> float:
    """Log standard deviation of the noise between images of one person."""
    return profile.noise.image * (profile.noise.enrolment_image if enrolment else 1.0)


@dataclass(frozen=True)
class FeatureMap:
    """The random Fourier feature map F: R^k -> R^d of a profile.

    Attributes
    ----------
    weights : ndarray
        Shape (k, d), float32, N(0, 1/l^2).
    phases, means : ndarray
        Shape (d,), float32; uniform phases, and the exact mean of each cosine over z.
    scale : float
        Makes the mean of ``|F|^2`` 1.
    """

    weights: NDArray[np.float32]
    phases: NDArray[np.float32]
    means: NDArray[np.float32]
    scale: float

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map latents (n, k) to features (n, d), float32."""
        out = z @ self.weights
        out += self.phases
        np.cos(out, out=out)
        out -= self.means
        out *= np.float32(self.scale)
        return out


def feature_map(profile: FaceProfile, dimension: int) -> FeatureMap:
    """Draw the feature map of a profile; it depends on ``likeness.map_seed`` and d alone, on no world."""
    k, length = profile.likeness.latent_dimension, profile.likeness.length
    rng = stream(profile.likeness.map_seed, "faces.map", dimension)
    weights = rng.standard_normal((k, dimension)) / length
    phases = rng.uniform(0.0, 2.0 * np.pi, dimension)
    squares = (weights**2).sum(axis=0)
    means = np.cos(phases) * np.exp(-squares / 2.0)
    variance = 0.5 * (1.0 + np.cos(2.0 * phases) * np.exp(-2.0 * squares)) - means**2
    return FeatureMap(
        weights.astype(np.float32),
        phases.astype(np.float32),
        means.astype(np.float32),
        float(1.0 / np.sqrt(variance.sum())),
    )


def group_codes(profile: FaceProfile, labels: list[str]) -> NDArray[np.int64]:
    """Turn group labels (region, a blank, F or M) into rows of `group_gram`.

    Raises
    ------
    SettingsError
        For a label that the profile does not know.
    """
    known = {label: code for code, label in enumerate(profile.groups.members)}
    for label in set(labels) - set(known):
        raise SettingsError(
            f"group {label!r} in profile {profile.name!r}", remedy=nearest(label, list(known))
        )
    return np.array([known[label] for label in labels], dtype=np.int64)


def group_gram(profile: FaceProfile) -> Floats:
    """Inner products of the groups' mean vectors, shape (groups, groups); the reference is m^2 alone.

    The diagonal is ``mean_square + alike``. Between groups ``mean_square`` is lowered for another region
    and for another sex, and by the least ``alike`` of a sex, which all its members share. Such vectors
    exist where ``mean_square + other_region + other_sex`` and ``least alike - other_sex`` are at least 0;
    beyond that, negative eigenvalues are clipped.
    """
    labels = list(profile.groups.members)
    base = profile.likeness.mean_square
    least = {
        sex: min([0.0, *(g.alike for name, g in profile.groups.members.items() if name.endswith(sex))])
        for sex in ("F", "M")
    }
    gram = np.empty((len(labels), len(labels)))
    for i, one in enumerate(labels):
        for j, other in enumerate(labels):
            if i == j:
                gram[i, j] = base + profile.groups.members[one].alike
                continue
            region_a, sex_a = one.rsplit(" ", 1)
            region_b, sex_b = other.rsplit(" ", 1)
            gram[i, j] = base
            gram[i, j] += profile.groups.other_region if region_a != region_b else 0.0
            gram[i, j] += profile.groups.other_sex if sex_a != sex_b else least[sex_a]
    values, vectors = np.linalg.eigh(gram) if labels else (np.zeros(0), np.zeros((0, 0)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(root @ root.T)


def group_means_of(profile: FaceProfile, one: str, other: str) -> tuple[float, float]:
    """Give the inner product of two groups' means, and what is left of two members' vectors for the faces."""
    gram = group_gram(profile)
    i, j = group_codes(profile, [one, other])
    return float(gram[i, j]), float(np.sqrt((1.0 - gram[i, i]) * (1.0 - gram[j, j])))


def group_means(profile: FaceProfile, dimension: int) -> NDArray[np.float32]:
    """Mean vectors of the groups and, in the last row, of people without a group.

    Returns
    -------
    ndarray
        Shape (groups + 1, d), float32, with the inner products of `group_gram`; the last row has squared
        length ``mean_square`` and lies along the groups' average.
    """
    gram = group_gram(profile)
    values, vectors = np.linalg.eigh(gram) if gram.size else (np.zeros(0), np.zeros((0, 0)))
    roots = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = stream(profile.likeness.map_seed, "faces.group_frame", dimension)
    count = len(gram)
    frame, _ = np.linalg.qr(rng.standard_normal((dimension, max(count, 1))))
    means = roots @ frame.T[:count] if count else np.zeros((0, dimension))
    centre = means.mean(axis=0) if count else frame[:, 0]
    length = float(np.linalg.norm(centre))
    alone = (centre / length if length > 0.0 else frame[:, 0]) * np.sqrt(profile.likeness.mean_square)
    return np.vstack([means, alone]).astype(np.float32)
