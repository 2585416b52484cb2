"""The score laws of a face profile behind one door: rates at any threshold and any gallery size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from biomatch import facemodel
from biomatch.errors import SettingsError
from biomatch.portable.types import Floats
from biomatch.scorelaw.mated import Mated
from biomatch.scorelaw.nonmated import THRESHOLDS, NonMated
from biomatch.settings.profile import FaceProfile


@dataclass(frozen=True)
class ScoreLaw:
    """FMR, FNMR, FPIR and FNIR of a profile, by quadrature: no simulation, no seed.

    Parameters
    ----------
    profile : FaceProfile
        The matcher's twin.
    images : int
        K, enrolled images of each person, at least 1; a person's best score counts.
    years : float
        Years between the enrolled images and the probe.
    groups : tuple of str, optional
        Demographic group of the probe and of the gallery; None: the reference population.
    noise_factor : float
        Factor on the probe's noise (a bad camera, a concealer).

    Examples
    --------
    >>> from biomatch.settings.profile import load_profile
    >>> law = ScoreLaw(load_profile("visa-border-leader"))
    >>> threshold = law.threshold(1_600_000, 0.003)
    >>> bool(abs(law.fpir(1_600_000, threshold) / 0.003 - 1) < 0.01)
    True
    """

    profile: FaceProfile
    images: int = 1
    years: float = 0.0
    groups: tuple[str, str] | None = None
    noise_factor: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.images <= 1000:
            raise SettingsError(f"{self.images} enrolled images", allowed="1 to 1,000")
        if not 0.0 <= self.years <= 100.0:
            raise SettingsError(f"{self.years} years between images", allowed="0 to 100")
        if not 0.0 < self.noise_factor <= 100.0:
            raise SettingsError(f"noise factor {self.noise_factor}", allowed="above 0, up to 100")

    @cached_property
    def non_mated(self) -> NonMated:
        """The law of non-mated scores."""
        return NonMated(self.profile, self.images, self.groups, self.noise_factor)

    @cached_property
    def mated(self) -> Mated:
        """The law of mated scores."""
        factor = self.noise_factor
        if self.groups is not None:
            factor *= self.profile.groups.members[self.groups[0]].noise
        return Mated(self.profile, self.images, self.years, factor)

    def fmr(self, threshold: Floats | float) -> Floats:
        """Give the false match rate: chance that a random stranger's best image scores T or more.

        Range [0, 1], falling in T; accurate down to 1e-12 and far below. ISO/IEC 19795-1.
        """
        return self.non_mated.fmr(threshold)

    def fnmr(self, threshold: Floats | float) -> Floats:
        """Give the false non-match rate, unusable probes included; range [0, 1], rising in T."""
        return self.mated.fnmr(threshold)

    def fpir(self, gallery: float, threshold: Floats | float) -> Floats:
        """Give FPIR(N, T): E over probes of 1 - (1 - FMR(T | probe))^N; range [0, 1]."""
        return self.non_mated.fpir(_size(gallery), threshold)

    def fpir_if_independent(self, gallery: float, threshold: Floats | float) -> Floats:
        """Give 1 - (1 - FMR(T))^N: an upper bound, for false matches cluster by person."""
        return np.asarray(-np.expm1(_size(gallery) * np.log1p(-np.minimum(self.fmr(threshold), 1 - 1e-15))))

    def fnir(self, threshold: Floats | float) -> Floats:
        """Give FNIR(N, R, T) for unlimited rank R: the mate itself scores below T; range [0, 1].

        It does not depend on N at a fixed threshold; at a fixed FPIR it does, through the threshold.
        """
        return self.fnmr(threshold)

    def rank_one_miss(self, gallery: float) -> float:
        """Give FNIR(N, 1, 0): some stranger outranks the mate, or the probe is unusable; range [0, 1]."""
        strangers = self.non_mated.outranked(_size(gallery))
        # A stranger outranks by scores on the slope of the mated law; every second threshold suffices.
        keep = slice(None, None, 2)
        return self.mated.outranked(strangers[:, keep], self.non_mated.probes.deviation, THRESHOLDS[keep])

    def kin_match(self, threshold: Floats | float, correlation: float) -> Floats:
        """Give the false match rate between relatives with a latent correlation; range [0, 1].

        With ``groups`` set, the two relatives are one of each (a brother and a sister).
        """
        means = None if self.groups is None else facemodel.group_means_of(self.profile, *self.groups)
        return self.mated.kin(threshold, correlation, means)

    def threshold(self, gallery: float, max_fpir: float) -> float:
        """Give the lowest threshold with FPIR(N, T) at most ``max_fpir``.

        Raises
        ------
        SettingsError
            For a limit outside (0, 1), or one that no tabulated threshold meets.
        """
        if not 0.0 < max_fpir < 1.0:
            raise SettingsError(f"FPIR {max_fpir}", allowed="a number between 0 and 1, such as 0.003")
        return _solve(lambda t: self.fpir(gallery, t), max_fpir, f"FPIR {max_fpir} at N = {gallery:g}")

    def threshold_at_fmr(self, max_fmr: float) -> float:
        """Give the lowest threshold with FMR(T) at most ``max_fmr``; see `threshold`."""
        if not 0.0 < max_fmr < 1.0:
            raise SettingsError(f"FMR {max_fmr}", allowed="a number between 0 and 1, such as 0.0001")
        return _solve(self.fmr, max_fmr, f"FMR {max_fmr}")


def _size(gallery: float) -> float:
    if not 1 <= gallery <= 1e12:
        raise SettingsError(f"gallery of {gallery}", allowed="1 to 1e12 enrolled persons")
    return float(gallery)


def _solve(rate: Callable[[Floats | float], Floats], limit: float, what: str) -> float:
    """Find where a falling rate meets a limit: bracket on the table, then bisect its interpolant."""
    table = rate(THRESHOLDS)
    if table[-1] > limit:
        raise SettingsError(
            f"{what} is out of reach of this profile", remedy="ask for a higher rate or a smaller gallery"
        )
    if table[0] <= limit:
        return float(THRESHOLDS[0])
    above = int(np.flatnonzero(table > limit)[-1])
    fine = np.linspace(THRESHOLDS[above], THRESHOLDS[above + 1], 2001)
    return float(fine[int(np.argmax(rate(fine) <= limit))])
