"""Identities and captures on the sphere, sampled from a face profile (formulas: `biomatch.facemodel`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch import facemodel, portable
from biomatch.errors import SettingsError
from biomatch.portable.types import Ints
from biomatch.settings.profile import FaceProfile
from biomatch_synthetic.faces.keyed import KeyedStream, quality_value
from biomatch_synthetic.faces.people import People

Vectors = NDArray[np.float32]
YEAR_STEPS = 100
"""Years are rounded to a hundredth, so that the encounters of one trip share one face."""


@dataclass(frozen=True, eq=False)
class Shots:
    """Which captures to take: one entry each.

    Attributes
    ----------
    person_id : ndarray
        Shape (n,), int64: who stands before the camera.
    capture_id : ndarray
        Shape (n,), int64, at least 0: tells the captures of one person apart (an encounter's number will do).
    year : ndarray
        Shape (n,), float: time of the capture in years from any origin common to the world.
    enrolment : ndarray
        Shape (n,), bool: a document or enrolment photo, whose quality varies less.
    camera : ndarray
        Shape (n,), int64: camera's number; -1: none, no offset.
    noise_factor : ndarray
        Shape (n,), float, above 0: factor on the noise; a bad camera 1.2, a concealer 2 to 4.
    second_person_id : ndarray
        Shape (n,), int64: second contributor of a morphed photo; -1: none.
    morph_weight : float
        Share of the second contributor in a morph.
    """

    person_id: Ints
    capture_id: Ints
    year: NDArray[np.float64]
    enrolment: NDArray[np.bool_]
    camera: Ints
    noise_factor: NDArray[np.float64]
    second_person_id: Ints
    morph_weight: float = 0.5

    def __len__(self) -> int:
        return len(self.person_id)

    @classmethod
    def of(
        cls,
        person_id: Ints,
        capture_id: Ints | int = 0,
        *,
        year: NDArray[np.float64] | float = 0.0,
        enrolment: NDArray[np.bool_] | bool = False,
        camera: Ints | int = -1,
        noise_factor: NDArray[np.float64] | float = 1.0,
        second_person_id: Ints | int = -1,
        morph_weight: float = 0.5,
    ) -> Shots:
        """Make the arrays, spreading single values over all captures."""
        ids = np.asarray(person_id, dtype=np.int64)

        def spread(value: object, dtype: type) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype=dtype), ids.shape)

        factors = spread(noise_factor, np.float64)
        if not (factors > 0.0).all():
            raise SettingsError(f"noise factor {float(np.min(factors))}", allowed="numbers above 0")
        return cls(
            ids,
            spread(capture_id, np.int64),
            spread(year, np.float64),
            spread(enrolment, np.bool_),
            spread(camera, np.int64),
            factors,
            spread(second_person_id, np.int64),
            morph_weight,
        )

    def take(self, rows: Ints | slice) -> Shots:
        """Select captures."""
        return Shots(
            self.person_id[rows],
            self.capture_id[rows],
            self.year[rows],
            self.enrolment[rows],
            self.camera[rows],
            self.noise_factor[rows],
            self.second_person_id[rows],
            self.morph_weight,
        )


@dataclass(frozen=True, eq=False)
class Conditions:
    """What a capture's noise is made of, before any vector is drawn.

    Attributes
    ----------
    sigma : ndarray
        Shape (n,), float64: noise of each capture (infinite: unusable).
    usable : ndarray
        Shape (n,), bool.
    quality : ndarray
        Shape (n,), float32, in [0, 100]: what a quality algorithm would say; correlated with sigma.
    """

    sigma: NDArray[np.float64]
    usable: NDArray[np.bool_]
    quality: Vectors

    def take(self, rows: Ints | slice) -> Conditions:
        """Select captures."""
        return Conditions(self.sigma[rows], self.usable[rows], self.quality[rows])


class FaceSpace:
    """The faces of one world: everything follows from (profile, seed) and the keys of a row.

    Parameters
    ----------
    profile : FaceProfile
        The matcher's twin; its dimension is that of the templates, since its score laws hold at no other.
    seed : int
        Root seed of the world, at least 0.

    Notes
    -----
    Any identity and any capture can be made again alone: `identities` and `capture` give the same bits
    for the same keys, whatever else is asked for in the same call and on whatever machine: sums over a
    vector are folded in a fixed order, and all else is arithmetic by element (`biomatch.portable`).
    """

    def __init__(self, profile: FaceProfile, *, seed: int = 0) -> None:
        size = profile.dimension
        self.profile, self.dimension, self.seed = profile, size, seed
        self._map = facemodel.feature_map(profile, size)
        self._means = facemodel.group_means(profile, size)
        self._gram = portable.pair_sums(self._means[:, None, :], self._means[None, :, :])
        self._rest = np.sqrt(1.0 - np.diag(self._gram))
        factors = [group.noise for group in profile.groups.members.values()]
        self._group_noise = portable.log(np.array([*factors, 1.0]))
        self._frequency, weight = facemodel.age_spectrum()
        # Coordinates of the individual part are dealt to frequencies in proportion to their weights.
        edges = np.round(np.cumsum(weight) * size).astype(int)
        self._bands = [
            (n, int(lo), int(hi))
            for n, (lo, hi) in enumerate(zip([0, *edges[:-1]], edges, strict=True))
            if hi > lo
        ]
        self._age_root = np.sqrt(weight)
        self._streams = {
            name: KeyedStream(seed, f"faces.{name}")
            for name in (
                *("latent", "latent_sex", "latent_family", "latent_pair"),
                *("own", "own_sex", "own_family", "own_pair"),
                *("drift", "drift_sex", "drift_family", "drift_pair"),
                *("person", "image", "scatter", "camera"),
            )
        }

    # ------------------------------------------------------------------ identities

    def _kin_parts(self, people: People, rows: Ints) -> list[tuple[str, Ints, Ints, NDArray[np.float64]]]:
        """Streams, keys and weights (squares add to 1) of the parts that relatives share."""
        kin = self.profile.kin
        family, pair = people.family_id[rows], people.pair_id[rows]
        in_family, in_pair = family >= 0, pair >= 0
        w_family = np.where(in_family, kin.different_sex, 0.0)
        w_sex = np.where(in_family, kin.same_sex - kin.different_sex, 0.0)
        w_pair = np.where(in_pair, kin.identical - kin.same_sex, 0.0)
        own = 1.0 - w_family - w_sex - w_pair
        return [
            ("", people.person_id[rows], np.zeros(len(rows), dtype=np.int64), np.sqrt(own)),
            ("_family", family, np.zeros(len(rows), dtype=np.int64), np.sqrt(w_family)),
            ("_sex", family, people.female[rows].astype(np.int64), np.sqrt(w_sex)),
            ("_pair", pair, np.zeros(len(rows), dtype=np.int64), np.sqrt(w_pair)),
        ]

    def _shared(self, base: str, people: People, rows: Ints, columns: int) -> Vectors:
        """Draw standard normal vectors of persons, correlated between relatives."""
        parts = self._kin_parts(people, rows)
        stem, keys, second, weight = parts[0]
        out = self._streams[base].vectors(keys, columns, second)
        related = np.flatnonzero(weight < 1.0)
        if len(related):
            out[related] *= weight[related, None].astype(np.float32)
            for stem, keys, second, weight in parts[1:]:
                where = np.flatnonzero(weight > 0.0)
                if len(where):
                    # Members of a family stand side by side: draw each shared vector once.
                    unique, back = np.unique(keys[where] * 2 + second[where], return_inverse=True)
                    shared = self._streams[base + stem].vectors(unique >> 1, columns, unique & 1)
                    out[where] += shared[back] * weight[where, None].astype(np.float32)
        return out

    def latents(
        self, people: People, rows: Ints, year: NDArray[np.float64]
    ) -> tuple[Vectors, NDArray[np.float64]]:
        """Give the low-dimensional latents z, shape (n, k) float32, and the shares a, shape (n,)."""
        typicality, pace = self._trait(people.person_id[rows], 0, 2)
        return self._latents(people, rows, self._turned(pace, year)), facemodel.share(
            self.profile, typicality
        )

    def _trait(self, persons: Ints, *columns: int) -> list[NDArray[np.float64]]:
        """Standard normal traits of persons: typicality, proneness to noise, pace of ageing."""
        drawn = self._streams["person"].uniforms(persons, 3)
        return list(portable.ndtri(np.ascontiguousarray(drawn[:, columns].T)))

    def _latents(self, people: People, rows: Ints, turned: tuple[Vectors, Vectors]) -> Vectors:
        k, waves = self.profile.likeness.latent_dimension, len(self._frequency)
        draws = self._shared("latent", people, rows, 2 * waves * k).reshape(len(rows), 2, waves, k)
        turn = np.stack(turned, axis=1) * self._age_root.astype(np.float32)
        draws *= turn[..., None]
        # Additions by halves, as everywhere: the order is written down, not left to a library.
        z = portable.fold(draws.reshape(len(rows), 2 * waves, k).transpose(0, 2, 1))
        return np.ascontiguousarray(z)

    def _turned(self, pace: NDArray[np.float64], year: NDArray[np.float64]) -> tuple[Vectors, Vectors]:
        """Cosines and sines of the ageing angles, shape (n, waves), at the nearest 1/65,536 turn."""
        ageing = self.profile.ageing
        when = np.round(year * YEAR_STEPS) / YEAR_STEPS
        x = ageing.rate_per_year * portable.exp(ageing.spread * pace) * when
        angle = np.multiply.outer(x, self._frequency)
        table, turn = facemodel.cosine_table(), facemodel.TURN
        step = np.rint(angle * (turn / (2.0 * np.pi))).astype(np.int64).astype(np.uint16)
        return np.take(table, step), np.take(table, step - np.uint16(turn // 4))

    def identities(
        self,
        people: People,
        rows: Ints,
        year: NDArray[np.float64] | float = 0.0,
        out: Vectors | None = None,
    ) -> Vectors:
        """Give the identity vectors of persons in a year.

        Parameters
        ----------
        people : People
            All that identities depend on.
        rows : ndarray
            Shape (n,), int64, rows of `people`.
        year : ndarray or float
            Years from the world's origin.
        out : ndarray, optional
            Shape (n, d), float32, C-contiguous.

        Returns
        -------
        ndarray
            Shape (n, d), float32, rows of unit length.
        """
        rows = np.asarray(rows, dtype=np.int64)
        years = np.broadcast_to(np.asarray(year, dtype=np.float64), rows.shape)
        typicality, pace = self._trait(people.person_id[rows], 0, 2)
        a, turned = facemodel.share(self.profile, typicality), self._turned(pace, years)
        u = self._map(self._latents(people, rows, turned))
        g = self._individual(people, rows, years, turned)
        group = people.group[rows]
        rest = self._rest[group]
        u *= (rest * np.sqrt(a))[:, None].astype(np.float32)
        g *= (rest * np.sqrt((1.0 - a) / self.dimension))[:, None].astype(np.float32)
        u += g
        u += self._means[group]
        portable.unit_rows(u)
        if out is None:
            return u
        out[...] = u
        return out

    def _individual(
        self, people: People, rows: Ints, years: NDArray[np.float64], turned: tuple[Vectors, Vectors]
    ) -> Vectors:
        g = self._shared("own", people, rows, self.dimension)
        if not years.any() or self.profile.ageing.rate_per_year == 0.0:
            return g
        drift = self._shared("drift", people, rows, self.dimension)
        cosine, sine = turned
        for n, lo, hi in self._bands:
            g[:, lo:hi] *= cosine[:, n, None]
            g[:, lo:hi] += drift[:, lo:hi] * sine[:, n, None]
        return g

    def likeness(self, people: People, rows_a: Ints, rows_b: Ints, year: float = 0.0) -> NDArray[np.float64]:
        """Give expected cosines of identities from the low-dimensional latents alone, shape (n_a, n_b).

        Cheap (k values a person instead of d): for choosing look-alikes.
        """
        (za, aa), (zb, ab) = (
            self.latents(people, rows, np.full(len(rows), year)) for rows in (rows_a, rows_b)
        )
        square = [portable.pair_sums(z, z) for z in (za, zb)]
        sa, sb = square[0][:, None], square[1][None, :]
        products = portable.dot(za, np.ascontiguousarray(zb.T))
        distance = np.maximum(sa + sb - 2.0 * products, 0.0)
        kernel = facemodel.kernel_of(self.profile)(distance, sa, sb)
        ga, gb = people.group[rows_a], people.group[rows_b]
        cosine = np.sqrt(np.outer(aa, ab)) * kernel * np.outer(self._rest[ga], self._rest[gb])
        return np.asarray(cosine + self._gram[np.ix_(ga, gb)])

    # ------------------------------------------------------------------ captures

    def conditions(self, people: People, shots: Shots) -> Conditions:
        """Draw noise, usability and quality of captures, without their vectors."""
        noise = self.profile.noise
        rows = people.rows(shots.person_id)
        (goat,) = self._trait(shots.person_id, 1)
        draws = self._streams["image"].uniforms(shots.person_id, 3, shots.capture_id)
        image, hint = portable.ndtri(np.ascontiguousarray(draws[:, :2].T))
        spread = noise.image * np.where(shots.enrolment, noise.enrolment_image, 1.0)
        deviation = noise.person * goat + spread * image + self._group_noise[people.group[rows]]
        deviation += portable.log(shots.noise_factor)
        usable = draws[:, 2] >= np.where(shots.enrolment, noise.unusable_enrolment, noise.unusable)
        sigma = np.where(usable, noise.scale * portable.exp(deviation), np.inf)
        typical = max(float(portable.hypot(noise.person, noise.image)), 1e-6)
        rho = noise.quality_correlation
        severity = np.where(usable, rho * deviation / typical + np.sqrt(1.0 - rho**2) * hint, 2.0 + hint)
        return Conditions(sigma, usable, quality_value(severity))

    def capture(
        self, people: People, shots: Shots, conditions: Conditions | None = None, out: Vectors | None = None
    ) -> Vectors:
        """Take captures.

        Parameters
        ----------
        people : People
            Everybody who stands before a camera or in a morph.
        shots : Shots
            Which captures; sort them by person and year where there are many.
        conditions : Conditions, optional
            From `conditions`, where the caller has them already.
        out : ndarray, optional
            Shape (n, d), float32, C-contiguous.

        Returns
        -------
        ndarray
            Templates, shape (n, d), float32, C-contiguous, rows of unit length.
        """
        state = self.conditions(people, shots) if conditions is None else conditions
        when = np.round(shots.year * YEAR_STEPS).astype(np.int64)
        rows = people.rows(shots.person_id)
        faces, back = _unique_pairs(rows, when)
        u = self.identities(people, faces[0], faces[1] / YEAR_STEPS)
        x = self._streams["scatter"].vectors(shots.person_id, self.dimension, shots.capture_id, out)
        sigma = state.sigma
        morphed = np.flatnonzero(shots.second_person_id >= 0)
        if len(morphed):
            sigma = sigma.copy()
            sigma[morphed] = portable.hypot(sigma[morphed], self.profile.capture.morph_noise)
        usable = np.isfinite(sigma)
        x *= np.where(usable, sigma / np.sqrt(self.dimension), 1.0)[:, None].astype(np.float32)
        base = u if len(u) == len(x) else u[back]
        if len(morphed) or not usable.all():
            base = base.copy() if base is u else base
            if len(morphed):
                other = self.identities(
                    people, people.rows(shots.second_person_id[morphed]), when[morphed] / YEAR_STEPS
                )
                weight = np.float32(shots.morph_weight)
                base[morphed] *= 1.0 - weight
                base[morphed] += other * weight
                mixed = base[morphed]
                portable.unit_rows(mixed)
                base[morphed] = mixed
            base[~usable] = 0.0
        x += base
        if self.profile.capture.camera_offset > 0.0 and (shots.camera >= 0).any():
            cameras, which = np.unique(shots.camera, return_inverse=True)
            offsets = self._streams["camera"].vectors(np.maximum(cameras, 0), self.dimension)
            offsets *= np.float32(self.profile.capture.camera_offset / np.sqrt(self.dimension))
            offsets[cameras < 0] = 0.0
            x += offsets[which]
        portable.unit_rows(x)
        return x


def _unique_pairs(rows: Ints, when: Ints) -> tuple[tuple[Ints, Ints], Ints]:
    """Distinct (row, time) pairs and the place of each entry among them; keeps order where all differ."""
    key = rows * (1 << 20) + (when + (1 << 19))
    unique, back = np.unique(key, return_inverse=True)
    if len(unique) == len(key):
        return (rows, when), np.arange(len(key))
    return (unique >> 20, (unique & ((1 << 20) - 1)) - (1 << 19)), back
