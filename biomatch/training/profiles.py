"""Fits the built-in face profiles to published figures: ``python -m biomatch.training.profiles``.

Each profile has few free parameters, and each is set by one published figure: the noise by FNIR at the
operating point, the share of unusable images by the rank-1 miss, the rate of ageing by the leader's ratio
after ten years, kin by the twins page, groups by the demographics table. All else is predicted and
stands in the profile as a target that was not fitted.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from biomatch import facemodel
from biomatch.errors import SettingsError
from biomatch.paths import models_dir
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import FaceProfile, Target
from biomatch.settings.profile_toml import profile_toml
from biomatch.training import profile_targets as given
from biomatch.training.clustering import measure_common

ALIKE_GRID = (-0.07, -0.05, -0.025, 0.0, 0.025, 0.05, 0.08, 0.11, 0.13)
TWIN_FMR = 1e-4
BASE_FPIR = 0.002
"""FPIR of the baseline group in N1N's demographics table."""
CROSS_RACE, CROSS_SEX = 0.18, 0.2
"""False matches between regions against within (N11-2020: factor 5 to 6); between sexes (assumed)."""
AGEING_YEARS = 10.0
Say = Callable[[str], None]


def _secant(miss: Callable[[float], float], x: float, y: float, tolerance: float = 2e-3) -> float:
    """Find a root near two starting points, in steps of at most a half."""
    at_x, at_y = miss(x), miss(y)
    for _ in range(20):
        if abs(at_y) < tolerance or at_x == at_y:
            break
        step = float(np.clip(-at_y * (y - x) / (at_y - at_x), -0.5, 0.5))
        x, at_x, y = y, at_y, y + step
        at_y = miss(y)
    if abs(at_y) >= tolerance:
        raise SettingsError(f"no fit: off by {at_y:g} in the logarithm", remedy="change the recipe")
    return y


def _noise(profile: FaceProfile, log_scale: float) -> FaceProfile:
    return profile.with_({"noise.scale": float(np.exp(log_scale))})


def fit_noise(profile: FaceProfile, gallery: int, fpir: float, fnir: float, rank_one: float) -> FaceProfile:
    """Set noise and unusable share so that FNIR at the operating point and the rank-1 miss are met.

    Parameters
    ----------
    profile : FaceProfile
        Starting point; the shape of its noise is kept.
    gallery, fpir : int, float
        Operating point.
    fnir, rank_one : float
        Published figures there.
    """
    floor, start = rank_one, math.log(profile.noise.scale)
    for _ in range(3):
        current = profile.with_({"noise.unusable": floor})

        def miss(log_scale: float, at: FaceProfile = current, floor: float = floor) -> float:
            law = ScoreLaw(_noise(at, log_scale))
            excess = float(law.fnir(law.threshold(gallery, fpir))) - floor
            return math.log(max(excess, 1e-9) / (fnir - floor))

        start = _secant(miss, start, start + 0.05)
        profile = _noise(current, start)
        measured = ScoreLaw(profile).rank_one_miss(gallery)
        if abs(measured - rank_one) < 1e-3 * rank_one:
            break
        floor -= measured - rank_one  # the rest are misses by rank, which the noise explains
    return profile


def fit_floor(profile: FaceProfile, gallery: int, fpir: float, fnir: float, enrolment: float) -> FaceProfile:
    """Set the share of unusable images alone so that FNIR is met; a part of them is enrolled."""

    def miss(floor: float) -> float:
        law = ScoreLaw(_floors(profile, floor, enrolment))
        return float(law.fnir(law.threshold(gallery, fpir))) - fnir

    return _floors(profile, float(brentq(miss, 0.0, fnir, xtol=2e-6)), enrolment)


def _floors(profile: FaceProfile, floor: float, enrolment: float) -> FaceProfile:
    return profile.with_(
        {"noise.unusable": floor * (1.0 - enrolment), "noise.unusable_enrolment": floor * enrolment}
    )


def ageing_ratio(profile: FaceProfile, gallery: int, fpir: float) -> float:
    """FNIR after ten years over FNIR, at one threshold."""
    now = ScoreLaw(profile)
    threshold = now.threshold(gallery, fpir)
    return float(ScoreLaw(profile, years=AGEING_YEARS).fnir(threshold) / now.fnir(threshold))


def fit_ageing(profile: FaceProfile, gallery: int, fpir: float, ratio: float) -> FaceProfile:
    """Set the rate of ageing so that FNIR grows by ``ratio`` in ten years."""
    law = ScoreLaw(profile)
    threshold = law.threshold(gallery, fpir)  # strangers do not age into each other
    target = float(law.fnir(threshold)) * ratio

    def miss(rate: float) -> float:
        aged = ScoreLaw(profile.with_({"ageing.rate_per_year": rate}), years=AGEING_YEARS)
        return float(aged.fnir(threshold)) - target

    rate = float(brentq(miss, 0.0, 0.04, xtol=5e-5))
    return profile.with_({"ageing.rate_per_year": round(rate, 5)})


def fit_kin(profile: FaceProfile, kin: str, leader: FaceProfile | None) -> FaceProfile:
    """Set the latent correlations of relatives to the twins page (FMR 1e-4).

    Parameters
    ----------
    profile : FaceProfile
    kin : str
        See `Recipe`. Noise hides likeness, so one set of correlations cannot serve all tiers; but one number
        is enough for each: that of twins of one sex. The other two kinds keep the leader's proportions.
    leader : FaceProfile or None
        Needed unless `kin` is ``"all"``.
    """
    threshold = ScoreLaw(profile).threshold_at_fmr(TWIN_FMR)

    def fitted(kind: str) -> float:
        law, published = _kin_law(profile, kind), given.TWINS[kind][1]
        return float(brentq(lambda r: float(law.kin_match(threshold, r)) - published, 0.0, 0.95, xtol=1e-4))

    if leader is None:
        changes = {kind: fitted(kind) for kind in given.TWINS}
    else:
        scale = fitted(kin) / getattr(leader.kin, kin) if kin else 1.0
        changes = {kind: getattr(leader.kin, kind) * scale for kind in given.TWINS}
    return profile.with_({f"kin.{kind}": round(value, 4) for kind, value in changes.items()})


def _kin_law(profile: FaceProfile, kind: str) -> ScoreLaw:
    return ScoreLaw(profile, groups=("E-Europe F", "E-Europe M") if kind == "different_sex" else None)


def fit_groups(profile: FaceProfile, unequal: bool, gallery: int) -> FaceProfile:
    """Set the groups' offsets: women by region, one offset for all men, and what lies between groups."""
    women = given.UNEQUAL_WOMEN if unequal else given.FAIR_WOMEN
    men = given.UNEQUAL_MEN if unequal else given.FAIR_MEN
    multiples = _multiples_by_alike(profile, gallery)
    alike = PchipInterpolator(np.log(multiples), ALIKE_GRID)
    region, multiple = next(iter(men.items()))
    base = {name: float(alike(math.log(m))) for name, m in women.items()}
    offset = float(alike(math.log(multiple))) - base[region]
    members = {}
    for name, value in base.items():
        for sex in ("F", "M"):
            noise = given.NOISE_BY_SEX[sex] * given.NOISE_BY_REGION.get(name, 1.0)
            add = offset if sex == "M" else 0.0
            members[f"{name} {sex}"] = {"alike": round(value + add, 4), "noise": round(noise, 4)}
    return profile.with_(
        {
            "groups.members": members,
            "groups.other_region": round(float(alike(math.log(CROSS_RACE))), 4),
            "groups.other_sex": round(float(alike(math.log(CROSS_SEX))), 4),
        }
    )


def _match_groups(profile: FaceProfile, unequal: bool, gallery: int) -> FaceProfile:
    """Move the groups' offsets once more, now that each group's own noise counts too."""
    women = given.UNEQUAL_WOMEN if unequal else given.FAIR_WOMEN
    region, multiple = next(iter((given.UNEQUAL_MEN if unequal else given.FAIR_MEN).items()))
    base = ScoreLaw(profile, groups=("E-Europe F", "E-Europe F"))
    threshold = base.threshold(gallery, BASE_FPIR)

    def correction(label: str, wanted: float) -> float:
        law = ScoreLaw(profile, groups=(label, label))
        # The offset that would move the rate there moves the threshold likewise: alike scales by c1 c2.
        reached = float(law.fpir(gallery, threshold))
        step = 0.01
        slope = math.log(reached / float(law.fpir(gallery, threshold + step))) / step
        both = 1.0 / (1.0 + profile.noise.scale**2)
        return math.log(wanted * BASE_FPIR / reached) / slope / both

    changes = {f"{name} F": correction(f"{name} F", m) for name, m in women.items()}
    men = correction(f"{region} M", multiple)
    members = {}
    for label, group in profile.groups.members.items():
        add = changes.get(label, men)
        members[label] = {"alike": round(group.alike + add, 4), "noise": group.noise}
    return profile.with_({"groups.members": members})


def _check_groups(profile: FaceProfile) -> None:
    """Refuse offsets for which no mean vectors exist: clipping would change what the profile says."""
    declared = [profile.likeness.mean_square + g.alike for g in profile.groups.members.values()]
    worst = float(np.abs(np.diag(facemodel.group_gram(profile)) - declared).max())
    if worst > 5e-3:
        raise SettingsError(
            f"groups of {profile.name}: mean vectors miss their products by {worst:.3g}",
            remedy="raise likeness.mean_square or bring the groups closer",
        )


def _multiples_by_alike(profile: FaceProfile, gallery: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """False positives within a group, as multiples of the reference, by the group's offset."""
    threshold = ScoreLaw(profile).threshold(gallery, BASE_FPIR)
    rates = []
    for value in ALIKE_GRID:
        law = ScoreLaw(profile.with_({"likeness.mean_square": profile.likeness.mean_square + value}))
        rates.append(float(law.fpir(gallery, threshold)) / BASE_FPIR)
    return np.maximum.accumulate(np.asarray(rates))


def targets(profile: FaceProfile, recipe: given.Recipe) -> list[Target]:
    """Put the published figures beside the profile's own."""
    law = ScoreLaw(profile)
    n, f = recipe.gallery, recipe.fpir
    threshold = law.threshold(n, f)
    rows = [
        Target(
            what=f"FNIR at FPIR {f} and N = {n}, one image",
            published=recipe.fnir,
            model=_round(float(law.fnir(threshold))),
            source=recipe.source,
        )
    ]
    if recipe.rank_one:
        rows.append(
            Target(
                what=f"rank-1 miss without a threshold, N = {n}",
                published=recipe.rank_one,
                model=_round(law.rank_one_miss(n)),
                source=recipe.source,
            )
        )
    if recipe.published_ageing:
        rows.append(
            Target(
                what="FNIR after 10 years or more over FNIR",
                published=recipe.published_ageing,
                model=_round(ageing_ratio(profile, n, f)),
                fitted=bool(recipe.ageing_ratio),
                source="N1N border/border of 10 years or more against visa/border",
            )
        )
    if recipe.kin:
        at = law.threshold_at_fmr(TWIN_FMR)
        for kind, (_, published) in given.TWINS.items():
            rate = _kin_law(profile, kind).kin_match(at, getattr(profile.kin, kind))
            rows.append(
                Target(
                    what=f"twins, {kind.replace('_', ' ')}, accepted at FMR 1e-4",
                    published=published,
                    model=_round(float(rate)),
                    fitted=recipe.kin in ("all", kind),
                    source="FRTE twins page, mean of three algorithms",
                )
            )
    rows += _group_targets(profile, recipe)
    return rows


def _group_targets(profile: FaceProfile, recipe: given.Recipe) -> list[Target]:
    women = given.UNEQUAL_WOMEN if recipe.unequal else given.FAIR_WOMEN
    men = given.UNEQUAL_MEN if recipe.unequal else given.FAIR_MEN
    n = 1_600_000
    base = ScoreLaw(profile, groups=("E-Europe F", "E-Europe F"))
    threshold = base.threshold(n, BASE_FPIR)
    published = {
        f"{region} F": m for region, m in women.items() if region in ("E-Asia", "S-Asia", "W-Africa")
    }
    published |= {f"{region} M": m for region, m in men.items()}
    fitted = {label for label in published if label.endswith("F")} | {f"{next(iter(men))} M"}
    return [
        Target(
            what=f"false positives of {label} over those of E-Europe F, within group",
            published=multiple,
            model=_round(float(ScoreLaw(profile, groups=(label, label)).fpir(n, threshold)) / BASE_FPIR),
            fitted=label in fitted,
            source="N1N demographics",
        )
        for label, multiple in published.items()
    ]


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def make(recipe: given.Recipe, leader: FaceProfile | None, say: Say) -> FaceProfile:
    """Fit one profile.

    Parameters
    ----------
    recipe : Recipe
    leader : FaceProfile, optional
        The first profile of the same dimension, whose ageing and proportions of kin the others take; None:
        this is it.
    say : callable
        Called with a line for each step.
    """
    profile = FaceProfile.from_mapping(
        {
            "name": recipe.name,
            "about": recipe.about,
            "source": recipe.source,
            "dimension": recipe.dimension,
            "noise": {
                "scale": recipe.start,
                "image": recipe.image,
                "person": recipe.image / 2.0,
                "enrolment_image": recipe.enrolment_image,
            },
            "anchor": {"gallery": recipe.gallery, "fpir": recipe.fpir},
            "errors": {"fnir_rounding": round(recipe.rounding / recipe.fnir, 4)},
        }
    )

    def fit(start: FaceProfile) -> FaceProfile:
        if not recipe.like:
            return fit_noise(start, recipe.gallery, recipe.fpir, recipe.fnir, recipe.rank_one)
        tier = fit_noise(start, 1_600_000, 0.003, recipe.like, given.RANK_ONE_LIKE[recipe.like])
        return fit_floor(tier, recipe.gallery, recipe.fpir, recipe.fnir, recipe.enrolment_floor)

    say(f"{recipe.name}: noise")
    profile = fit(profile)
    say(f"{recipe.name}: clustering, by simulation")
    profile = fit(profile.with_({"likeness.common": measure_common(profile)}))
    say(f"{recipe.name}: groups, ageing and kin")
    profile = fit_groups(profile, recipe.unequal, 1_600_000)
    if leader is None:
        profile = fit_ageing(profile, recipe.gallery, recipe.fpir, recipe.ageing_ratio)
    else:
        profile = profile.with_({"ageing.rate_per_year": leader.ageing.rate_per_year})
    profile = _tidy(fit_kin(profile, recipe.kin, leader))
    for _ in range(2):
        profile = _match_groups(profile, recipe.unequal, 1_600_000)
    _check_groups(profile)
    return profile.with_({"targets": [row.model_dump() for row in targets(profile, recipe)]})


def _tidy(profile: FaceProfile) -> FaceProfile:
    noise = {k: _round(v) for k, v in profile.noise.model_dump().items()}
    return profile.with_({f"noise.{k}": v for k, v in noise.items()})


def main(arguments: list[str] | None = None) -> int:
    """Fit the built-in profiles, write them, and print their residuals."""
    parser = argparse.ArgumentParser(description="fit the built-in face profiles to published figures")
    parser.add_argument("names", nargs="*", help="profiles to fit (default: all)")
    parser.add_argument("--out", type=Path, default=models_dir() / "profiles")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - {recipe.name for recipe in given.RECIPES}:
        parser.error(f"no such profile: {', '.join(sorted(unknown))}")

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    leaders: dict[int, FaceProfile] = {}
    for recipe in given.RECIPES:
        leader = leaders.get(recipe.dimension)
        path = chosen.out / f"{recipe.name}.toml"
        if recipe.name in chosen.names or not (chosen.names or recipe.held):
            profile = make(recipe, leader, say)
            path.write_text(profile_toml(profile), encoding="utf-8")
        elif leader is None:
            profile = FaceProfile.read(models_dir() / "profiles" / f"{recipe.name}.toml")
        else:
            continue
        leaders.setdefault(recipe.dimension, profile)
        if recipe.name in chosen.names or not chosen.names:
            held = f" (held as it is; name it to fit it again: {recipe.name})" if recipe.held else ""
            print(f"{path.name}{'' if recipe.name in chosen.names else held}")
            _print_residuals(targets(profile, recipe))
    return 0


def _print_residuals(rows: list[Target]) -> None:
    for row in rows:
        kind = "fitted" if row.fitted else "predicted"
        off = row.model / row.published - 1.0
        print(f"  {row.what}: published {row.published:g}, model {row.model:g} ({off:+.1%}, {kind})")


if __name__ == "__main__":
    raise SystemExit(main())
