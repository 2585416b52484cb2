"""The schema of a face profile: the parameters of a synthetic matcher and where they come from.

A profile is a twin of one face recognition algorithm on one kind of images: `biomatch.facemodel` holds
its formulas, the generator samples them and `biomatch.scorelaw` integrates them. The built-in profiles
are TOML files under ``models/profiles``, made by ``make profiles``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import model_validator

from biomatch.errors import SettingsError
from biomatch.paths import models_dir
from biomatch.settings.base import ASSUMED, Settings, nearest, setting
from biomatch.settings.verdict import Verdict

MODEL = "the model of this project, trial of October 2025"
BUILT_IN = (
    "visa-border-leader",
    "visa-border-50th",
    "visa-border-100th",
    "kiosk-leader",
    "boarding-leader",
    "boarding-median",
    "visa-border-small",
    "boarding-small",
)
"""Names of the profiles that ship with the package; the small ones are for small worlds."""


class Likeness(Settings):
    """What makes two strangers alike: the low-dimensional part of a face."""

    latent_dimension: int = setting(16, MODEL, ge=2, le=64)
    length: float = setting(3.7, MODEL, gt=0.5, le=20)
    share: float = setting(0.3, MODEL, ge=0, lt=1)
    typicality: float = setting(0.45, MODEL, ge=0, le=2)
    common: float = setting(0.1, "part of the scatter shared by all comparisons of a probe", ge=0, lt=0.9)
    mean_square: float = setting(0.1, f"{ASSUMED}: room for groups less alike than average", ge=0, lt=0.5)
    map_seed: int = setting(0, f"{ASSUMED}: one feature map, as one matcher has one network", ge=0)


class Noise(Settings):
    """What makes two images of one person differ."""

    scale: float = setting(0.41, MODEL, gt=0, le=5)
    person: float = setting(0.185, MODEL, ge=0, le=1.5)
    image: float = setting(0.37, MODEL, ge=0, le=1.5)
    enrolment_image: float = setting(0.6, MODEL, ge=0, le=2)
    unusable: float = setting(0.0008, MODEL, ge=0, lt=1)
    unusable_enrolment: float = setting(0.0, f"{ASSUMED}: an enrolment photo is checked", ge=0, lt=1)
    quality_correlation: float = setting(
        0.6, f"{ASSUMED}: a quality value tells part of the noise", ge=0, le=1
    )


class Ageing(Settings):
    """How a face drifts: correlation exp(-rate * years), with a rate for each person."""

    rate_per_year: float = setting(0.0125, MODEL, ge=0, le=0.5)
    spread: float = setting(0.3, f"{ASSUMED}: log standard deviation between people", ge=0, le=1.5)


class Kin(Settings):
    """Latent correlations between relatives; must not rise from identical to different sex."""

    identical: float = setting(0.57, "fitted to NISTIR 8439 and the FRTE twins page", ge=0, le=1)
    same_sex: float = setting(0.39, "fitted to NISTIR 8439 and the FRTE twins page", ge=0, le=1)
    different_sex: float = setting(0.16, "fitted to NISTIR 8439 and the FRTE twins page", ge=0, le=1)


class Group(Settings):
    """One demographic group: region of birth and sex."""

    alike: float = setting(0.0, "added to likeness.mean_square within the group", ge=-0.3, le=0.3)
    noise: float = setting(1.0, "factor on noise.scale", gt=0.2, le=5)


class Groups(Settings):
    """All demographic groups, keyed by label: region, a blank, F or M."""

    members: dict[str, Group] = setting({}, "N1N demographics tables; see the profile")
    other_region: float = setting(-0.02, "same-race against cross-race factor 5-6, N11-2020", ge=-0.4, le=0.1)
    other_sex: float = setting(-0.02, f"{ASSUMED}: as between regions", ge=-0.4, le=0.1)


class Capture(Settings):
    """What a camera and a forger add."""

    camera_offset: float = setting(0.05, f"{ASSUMED}: length of a camera's common offset", ge=0, le=1)
    morph_noise: float = setting(0.7, MODEL, ge=0, le=5)


class Target(Settings):
    """One published figure beside the model's: how far the profile is from what it was fitted to."""

    what: str = setting("", "the figure in words")
    published: float = setting(..., "as printed in the source")
    model: float = setting(..., "this profile's closed form")
    fitted: bool = setting(True, "whether the profile was fitted to it")
    source: str = setting("", "key of the source")


class Errors(Settings):
    """The declared band of error around the closed forms."""

    fnir_rounding: float = setting(0.0, "relative, from the digits that the source prints", ge=0, le=1)
    fnir_model: float = setting(0.15, f"{ASSUMED}: relative", ge=0, le=2)
    fnir_per_decade: float = setting(0.1, f"{ASSUMED}: relative, per decade of FMR away", ge=0, le=2)
    fnir_per_doubling: float = setting(0.15, f"{ASSUMED}: relative, per doubling of images", ge=0, le=2)
    fnir_per_ten_years: float = setting(0.35, f"{ASSUMED}: relative; two tiers agree to that", ge=0, le=2)
    fpir_model: float = setting(0.25, "closed form against brute force, benchmarks/results", ge=0, le=2)
    fpir_per_decade: float = setting(0.05, f"{ASSUMED}: relative, per decade of N beyond 1.6M", ge=0, le=2)


class Anchor(Settings):
    """Where the profile was fitted: the model is best there and less sure away from it."""

    gallery: int = setting(1_600_000, "N1N", ge=1)
    fpir: float = setting(0.003, "N1N", gt=0, lt=1)
    images: int = setting(1, "N1N: one image enrolled", ge=1)


class FaceProfile(Settings):
    """All parameters of a synthetic matcher on one kind of images.

    Examples
    --------
    >>> FaceProfile.of("visa-border-leader").dimension
    512
    """

    name: str = setting(..., "the file's name", min_length=1)
    about: str = setting("", "what it is a twin of")
    source: str = setting("", "where the figures were published")
    dimension: int = setting(
        512, "FRTE template size 2,048 bytes: 512 float32", unit="values a template", ge=32, le=4096
    )
    likeness: Likeness = setting({}, MODEL)
    noise: Noise = setting({}, MODEL)
    ageing: Ageing = setting({}, MODEL)
    kin: Kin = setting({}, MODEL)
    groups: Groups = setting({}, MODEL)
    capture: Capture = setting({}, MODEL)
    anchor: Anchor = setting({}, MODEL)
    errors: Errors = setting({}, MODEL)
    targets: list[Target] = setting([], "make profiles")
    centre: tuple[float, ...] | None = setting(
        None, "biomatch fit --centre: subtracted from unit templates, which are then made unit length again"
    )
    verdict: Verdict | None = setting(None, "biomatch fit; absent from profiles that were not fitted by it")

    @classmethod
    def load(cls, name: str | Path) -> FaceProfile:
        """Load a built-in profile by name, or one from a TOML file; see `load_profile`.

        Examples
        --------
        >>> FaceProfile.load("kiosk-leader").dimension
        512
        """
        return load_profile(name)

    @classmethod
    def of(cls, given: object) -> FaceProfile:
        """Take a profile as it is, or load it by its name or file, as users write it.

        Raises
        ------
        SettingsError
            For an unknown name, or something that is no profile.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, (str, Path)):
            return load_profile(given)
        raise SettingsError(
            f"a {type(given).__name__} in place of a face profile",
            allowed="a FaceProfile, a built-in name or a TOML file",
            remedy='write bm.FaceProfile.load("visa-border-leader")',
        )

    def write(self, path: str | Path) -> Path:
        """Write the profile as TOML, for ``faces.profile`` of a scenario.

        Examples
        --------
        >>> weak = FaceProfile.of("visa-border-small").with_({"name": "weak", "noise.scale": 0.8})
        >>> FaceProfile.of(weak.write("weak.toml")) == weak
        True
        """
        from biomatch.settings.profile_toml import profile_toml
        from biomatch.tables.storage import write_text

        place = Path(path)
        write_text(place, profile_toml(self))
        return place

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to say wherever the profile is used: the warnings of its fit; empty for a sound one."""
        return () if self.verdict is None else self.verdict.doubts()

    def canonical(self) -> str:
        """Give what the profile's faces are made by, as canonical JSON: no verdict, no centre."""
        values = self.model_dump(mode="json", exclude={"verdict", "centre"})
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @model_validator(mode="after")
    def _check_kin(self) -> Self:
        """Refuse relatives that are more alike the further they are apart."""
        kin = self.kin
        if not kin.identical >= kin.same_sex >= kin.different_sex:
            raise ValueError(
                f"kin: identical {kin.identical}, same_sex {kin.same_sex}, different_sex "
                f"{kin.different_sex}; they must not rise in this order"
            )
        return self


def built_in() -> tuple[str, ...]:
    """Names of the profiles that ship with the package."""
    return BUILT_IN


def load_profile(name_or_path: str | Path) -> FaceProfile:
    """Read a built-in profile by name, or any profile from its TOML file.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        One of `BUILT_IN`, or a path that ends in ``.toml``.

    Returns
    -------
    FaceProfile
        Frozen; ``profile.id`` names its content.

    Raises
    ------
    SettingsError
        For an unknown name, a file that cannot be read, or a value out of range.

    Examples
    --------
    >>> load_profile("visa-border-leader").dimension
    512
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        return FaceProfile.read(text)
    if text not in BUILT_IN:
        raise SettingsError(
            f"face profile {text!r}",
            allowed=f"a .toml file or one of {', '.join(BUILT_IN)}",
            remedy=nearest(text, list(BUILT_IN)),
        )
    return _load_built_in(text)


@cache
def _load_built_in(name: str) -> FaceProfile:
    return FaceProfile.read(models_dir() / "profiles" / f"{name}.toml")
