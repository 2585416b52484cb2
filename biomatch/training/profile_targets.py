"""The published figures that the built-in face profiles are fitted to, and what is assumed beside them.

All figures: NIST FRTE 1:N leaderboard (N1N, identification and investigation tables, stored commit
02f7182d3178), NIST FRTE Paperless Travel (NPT, text of 2023-11-21) and the FRTE twins page (N8439).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one profile is fitted.

    Attributes
    ----------
    name, about, source : str
        As they stand in the profile.
    gallery, fpir : int, float
        Operating point of the published FNIR.
    fnir, rounding : float
        Published FNIR, and half a unit of its last printed digit.
    rank_one : float
        Published rank-1 miss without a threshold; sets the share of unusable images. 0: not published,
        and then `fnir` sets that share and the noise is that of `like`.
    image : float
        Log standard deviation of noise between images; half of it between persons.
    start : float
        Noise to start the search from.
    enrolment_image : float
        Spread of the enrolled image against the probe's.
    enrolment_floor : float
        Part of the unusable images that are enrolled ones.
    like : float
        FNIR (N = 1.6M, FPIR 0.003) of the visa/border tier whose noise is taken where `rank_one` is 0.
    ageing_ratio : float
        FNIR after 10 years over FNIR, to fit the rate to; 0: take the leader's rate.
    published_ageing : float
        The published ratio, fitted or not; 0: none.
    unequal : bool
        Whether the demographic offsets are those of the median algorithm, or of a fair one.
    kin : str
        Which twins set the latent correlations of relatives: ``"all"`` three kinds; ``"same_sex"``, with the
        other two in the leader's proportions (predicted); ``""``: the leader's, for it is his algorithm.
    dimension : int
        Values in a template. The small profiles are fitted to the figures of their parents at fewer values,
        so that small worlds cost less; ageing and proportions of kin are those of the first profile of the
        same dimension.
    held : bool
        Whether the file stands as it is unless it is named on the command line: models that ship were
        trained on worlds made with it, and their figures would be another's.
    """

    name: str
    about: str
    source: str
    gallery: int
    fpir: float
    fnir: float
    rounding: float
    rank_one: float
    image: float
    start: float
    enrolment_image: float = 0.6
    enrolment_floor: float = 0.0
    like: float = 0.0
    ageing_ratio: float = 0.0
    published_ageing: float = 0.0
    unequal: bool = False
    kin: str = ""
    dimension: int = 512
    held: bool = False


# N1N, demographics, median of 117 algorithms; other regions were not read and are assumed.
UNEQUAL_WOMEN = {
    "E-Europe": 1.0,
    "W-Europe": 1.0,
    "N-America": 1.0,
    "Latin-America": 3.0,
    "Middle-East": 4.0,
    "E-Africa": 15.0,
    "W-Africa": 17.0,
    "S-Asia": 30.0,
    "E-Asia": 37.0,
}
UNEQUAL_MEN = {"E-Europe": 0.25, "W-Africa": 2.7, "S-Asia": 6.0}
"""The first is fitted (one offset for all men); the others are predicted."""
# N1N, demographics, nec_011; other regions assumed.
FAIR_WOMEN = {
    "E-Europe": 1.0,
    "W-Europe": 1.0,
    "N-America": 1.0,
    "Latin-America": 1.5,
    "Middle-East": 2.0,
    "E-Africa": 5.0,
    "W-Africa": 5.65,
    "S-Asia": 5.0,
    "E-Asia": 6.5,
}
FAIR_MEN = {"S-Asia": 2.25, "W-Africa": 1.5}
NOISE_BY_SEX = {"F": 1.01, "M": 0.99}
"""Assumed: false negatives slightly more common for women (N8381)."""
NOISE_BY_REGION = {"E-Africa": 1.02, "W-Africa": 1.03, "Latin-America": 1.01}
"""Assumed, so that FNIR's MXOG is near the typical 2 (N1N) for the unequal profile."""

N1N = "N1N visa/border"
RECIPES = (
    Recipe(
        "visa-border-leader",
        "Best algorithm, visa photo enrolled, border webcam probe",
        "N1N visa/border, best: FNIR 0.0013 at FPIR 0.003, rank-1 miss 0.0009 or less; N = 1.6M",
        *(1_600_000, 0.003, 0.0013, 0.00005, 0.0009, 0.37, 0.38),
        ageing_ratio=4.0,
        published_ageing=4.0,
        kin="all",
        held=True,
    ),
    Recipe(
        "visa-border-50th",
        "Algorithm of rank 50, visa photo enrolled, border webcam probe",
        "N1N visa/border, rank 50: FNIR 0.0045 at FPIR 0.003, rank-1 miss 0.0013; N = 1.6M",
        *(1_600_000, 0.003, 0.0045, 0.00005, 0.0013, 0.2, 0.81),
        published_ageing=11.0,
        unequal=True,
        kin="same_sex",
    ),
    Recipe(
        "visa-border-100th",
        "Algorithm of rank 100, visa photo enrolled, border webcam probe",
        "N1N visa/border, rank 100: FNIR 0.0073 at FPIR 0.003, rank-1 miss 0.0016; N = 1.6M",
        *(1_600_000, 0.003, 0.0073, 0.00005, 0.0016, 0.2, 0.85),
        published_ageing=11.0,
        unequal=True,
        kin="same_sex",
    ),
    Recipe(
        "kiosk-leader",
        "Best algorithm, visa photo enrolled, kiosk probe",
        "N1N visa/kiosk, best: FNIR 0.0427 at FPIR 0.003, rank-1 miss 0.0339; N = 1.6M",
        *(1_600_000, 0.003, 0.0427, 0.00005, 0.0339, 0.37, 0.7),
    ),
    Recipe(
        "boarding-leader",
        "Best algorithm, airport entry photo enrolled, exit photo probe",
        "NPT, best: 0.07% not matched, N = 420, one image, FPIR 0.0003; noise of N1N visa/border, best",
        *(420, 0.0003, 0.0007, 0.00005, 0.0, 0.37, 0.38),
        enrolment_image=1.0,
        enrolment_floor=0.5,
        like=0.0013,
    ),
    Recipe(
        "boarding-median",
        "Middle of 55 algorithms, airport entry photo enrolled, exit photo probe",
        "NPT, median: 0.39% not matched, N = 420, one image, FPIR 0.0003; noise of N1N visa/border, rank 200",
        *(420, 0.0003, 0.0039, 0.00005, 0.0, 0.2, 0.95),
        enrolment_image=1.0,
        enrolment_floor=0.5,
        like=0.0172,
        unequal=True,
        kin="same_sex",
    ),
    Recipe(
        "visa-border-small",
        "The figures of visa-border-leader at 128 values a template, for small worlds",
        "N1N visa/border, best: FNIR 0.0013 at FPIR 0.003, rank-1 miss 0.0009 or less; N = 1.6M",
        *(1_600_000, 0.003, 0.0013, 0.00005, 0.0009, 0.37, 0.3),
        ageing_ratio=4.0,
        published_ageing=4.0,
        kin="all",
        dimension=128,
    ),
    Recipe(
        "boarding-small",
        "The figures of boarding-median at 128 values a template, for small worlds",
        "NPT, median: 0.39% not matched, N = 420, one image, FPIR 0.0003; noise of N1N visa/border, rank 200",
        *(420, 0.0003, 0.0039, 0.00005, 0.0, 0.2, 0.6),
        enrolment_image=1.0,
        enrolment_floor=0.5,
        like=0.0172,
        unequal=True,
        kin="same_sex",
        dimension=128,
    ),
)
RANK_ONE_LIKE = {0.0013: 0.0009, 0.0172: 0.0035}
"""Rank-1 misses (N1N) of the tiers that boarding profiles take their noise from."""
TWINS = {"identical": (0.57, 0.966), "same_sex": (0.39, 0.746), "different_sex": (0.16, 0.032)}
"""Latent correlation to start from, and the mean of the three algorithms of the twins page at FMR 1e-4."""
