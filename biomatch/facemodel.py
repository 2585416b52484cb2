"""The formulas of a face profile: what the generator samples and what the score laws integrate.

Identity i is the unit vector along

    h_i = mu_group + sqrt(1 - |mu|^2) (sqrt(a_i) F(z_i) + sqrt(1 - a_i) g_i / sqrt(d))

with z_i in R^k and g_i in R^d standard normal, ``F`` a centred random Fourier feature map with kernel
exp(-|z - z'|^2 / (2 l^2)), and ``a_i`` the share of the low-dimensional part, larger for typical faces.
A capture of it is the unit vector along ``u_i + sigma n / sqrt(d) + camera offset``.

Worlds are made from these formulas, so all that they hang on comes from `biomatch.portable`: the same bits
on every machine. The one matrix product, of latents with the map's frequencies, goes through the BLAS, on
numbers of so few bits that no product and no sum of it is ever rounded (see `FeatureMap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import SettingsError
from biomatch.portable.types import Floats
from biomatch.settings.base import nearest
from biomatch.settings.profile import FaceProfile
from biomatch.streams import stream

AGE_STEP = 0.5
"""Spacing of the logarithms of the ageing frequencies; see `age_spectrum`."""
TURN = 1 << 16
"""Steps of a full turn in which angles of the feature map are counted."""
_LATENT_BITS, _LATENT_BOUND = 14, 15.9
_FREQUENCY_BITS = 26
_ROWS = 64  # a step of the map whose float64 angles stay in the processor's cache
_TO_INTEGER = 1.5 * 2.0**52
"""Added to a number, it leaves the nearest whole number in the low bits of the sum."""


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
    frequency = portable.exp(np.arange(-3.0, 5.0 + 1e-9, AGE_STEP))
    weight = 2.0 / np.pi * frequency / (1.0 + frequency**2) * AGE_STEP
    rest = float(portable.exp(-3.0 - AGE_STEP / 2.0))  # 0.04: six terms of the arc tangent's series do
    terms = [(-1) ** n * rest ** (2 * n + 1) / (2 * n + 1) for n in range(6)]
    still = 2.0 / np.pi * sum(terms)
    frequency, weight = np.append(0.0, frequency), np.append(still, weight)
    return frequency, weight / weight.sum()


def age_correlation(x: Floats | float) -> Floats:
    """Correlation of a latent with itself after x = rate * years; 1 at 0 and about exp(-x)."""
    frequency, weight = age_spectrum()
    waves = portable.cos(np.multiply.outer(np.asarray(x, dtype=np.float64), frequency))
    return np.asarray(portable.fold(waves * weight))


@dataclass(frozen=True)
class Kernel:
    """The centred and scaled kernel of the feature map: expected F(z).F(z')."""

    latent_dimension: int
    length: float

    @property
    def _grand(self) -> float:
        square = self.length**2
        return float(portable.power(square / (square + 2.0), self.latent_dimension / 2.0))

    def mean_to(self, square: Floats) -> Floats:
        """Mean of the raw kernel between a point at squared length ``square`` and a random one."""
        scale = self.length**2
        front = portable.power(scale / (scale + 1.0), self.latent_dimension / 2.0)
        return np.asarray(front * portable.exp(-square / (2.0 * (scale + 1.0))))

    def __call__(self, distance_square: Floats, square_a: Floats, square_b: Floats) -> Floats:
        """Give the expected F(a).F(b) from |a - b|^2, |a|^2 and |b|^2; its mean over random pairs is 0."""
        raw = portable.exp(-distance_square / (2.0 * self.length**2))
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
    odds = base / (1.0 - base) * portable.exp(profile.likeness.typicality * typicality)
    return np.asarray(odds / (1.0 + odds))


def image_spread(profile: FaceProfile, *, enrolment: bool) -> float:
    """Log standard deviation of the noise between images of one person."""
    return profile.noise.image * (profile.noise.enrolment_image if enrolment else 1.0)


@cache
def cosine_table() -> NDArray[np.float32]:
    """Cosines of the steps of a full turn, shape (TURN,), float32."""
    return np.asarray(portable.cos(np.arange(TURN) * (2.0 * np.pi / TURN)), dtype=np.float32)


@dataclass(frozen=True)
class FeatureMap:
    """The random Fourier feature map F: R^k -> R^d of a profile.

    Attributes
    ----------
    weights : ndarray
        Shape (k, d), float64: N(0, 1/l^2), in steps of 1/65,536 turn a unit of z, with 26 bits.
    phases : ndarray
        Shape (d,), float64: uniform phases, whole steps, and the number that makes a sum whole.
    means : ndarray
        Shape (d,), float32: the exact mean of each cosine over z.
    scale : float
        Makes the mean of ``|F|^2`` 1.

    Notes
    -----
    Latents are rounded to 2^-14 (18 bits), frequencies have 26 bits, and there are at most 64 latents: a
    product has 44 bits, a sum 50, and float64 holds 53. So the matrix product is exact whatever the order
    of its additions, fused or not. Angles are then rounded to 1/65,536 turn, which moves a cosine by less
    than 5e-5 where faces differ by 0.7, and looked up.
    """

    weights: Floats
    phases: Floats
    means: NDArray[np.float32]
    scale: float

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map latents (n, k) to features (n, d), float32."""
        bound = _LATENT_BOUND * 2.0**_LATENT_BITS
        fine = np.rint(np.clip(np.multiply(z, 2.0**_LATENT_BITS, dtype=np.float64), -bound, bound))
        out = np.empty((len(z), self.weights.shape[1]), dtype=np.float32)
        room = np.empty((min(_ROWS, len(z)), self.weights.shape[1]))
        for first in range(0, len(z), _ROWS):
            part = fine[first : first + _ROWS]
            steps = np.matmul(part, self.weights, out=room[: len(part)])
            steps += self.phases
            whole = steps.view(np.int64)
            whole &= TURN - 1  # the low 16 bits: the angle within its turn
            np.take(cosine_table(), whole, out=out[first : first + _ROWS], mode="clip")
        out -= self.means
        out *= np.float32(self.scale)
        return out


def feature_map(profile: FaceProfile, dimension: int) -> FeatureMap:
    """Draw the feature map of a profile; it depends on ``likeness.map_seed`` and d alone, on no world."""
    k, length = profile.likeness.latent_dimension, profile.likeness.length
    rng = stream(profile.likeness.map_seed, "faces.map", dimension)
    drawn = portable.normals(rng, (k, dimension)) / length * (TURN / (2.0 * np.pi))
    unit = 2.0 ** (np.frexp(np.abs(drawn).max())[1] - _FREQUENCY_BITS)
    steps = np.rint(drawn / unit) * unit
    phases = rng.integers(0, TURN, dimension).astype(np.float64)
    angle = phases * (2.0 * np.pi / TURN)
    weights = steps * (2.0 * np.pi / TURN)
    squares = (weights**2).sum(axis=0)
    means = portable.cos(angle) * portable.exp(-squares / 2.0)
    variance = 0.5 * (1.0 + portable.cos(2.0 * angle) * portable.exp(-2.0 * squares)) - means**2
    return FeatureMap(
        steps * 2.0**-_LATENT_BITS,
        phases + _TO_INTEGER,
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
    root = _root(gram.tobytes(), len(gram))
    return np.asarray(portable.dot(root, root))


@cache
def _root(gram: bytes, size: int) -> Floats:
    """Give the symmetric root of the positive part of a matrix; made once for each."""
    root = portable.symmetric_root(np.frombuffer(gram).reshape(size, size))
    root.setflags(write=False)
    return root


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
    count = len(gram)
    root = _root(gram.tobytes(), count)
    rng = stream(profile.likeness.map_seed, "faces.group_frame", dimension)
    frame = _frame(portable.normals(rng, (max(count, 1), dimension)))
    means = portable.dot(root, frame[:count]) if count else np.zeros((0, dimension))
    centre = means.sum(axis=0) / count if count else frame[0]
    length = float(np.sqrt(portable.pair_sums(centre, centre)))
    alone = (centre / length if length > 0.0 else frame[0]) * np.sqrt(profile.likeness.mean_square)
    return np.vstack([means, alone]).astype(np.float32)


def _frame(rows: Floats) -> Floats:
    """Make rows orthonormal, each against those before it, twice over (Gram and Schmidt)."""
    for at in range(len(rows)):
        for _ in range(2):
            for other in rows[:at]:
                rows[at] -= portable.pair_sums(rows[at], other) * other
        rows[at] /= np.sqrt(portable.pair_sums(rows[at], rows[at]))
    return rows
