"""Rows 10 and 11: one threshold for all, rates by demographic group."""

from __future__ import annotations

from collections.abc import Iterator

from biomatch.curves.groups import gini, mxog
from biomatch.rates import Rate
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import FaceProfile, load_profile
from biomatch.training.profile_targets import FAIR_MEN, FAIR_WOMEN, UNEQUAL_MEN, UNEQUAL_WOMEN
from biomatch.verification.cell import (
    CLOSED,
    FITTED,
    PREDICTED,
    SIMULATED,
    Cell,
    Size,
    check,
    of_ratio,
    within_factor,
)
from biomatch.verification.simulate import best_strangers, hits

BASE = "E-Europe F"
GALLERY, FPIR = 1_600_000, 0.002
SMALL, SMALL_FPIR = 4000, 0.01
READ = ("E-Asia F", "S-Asia F", "W-Africa F", "S-Asia M", "W-Africa M", "E-Europe M")
"""Groups beside the baseline whose figures were read in the source."""
PROFILES = (
    ("visa-border-50th", "unequal", UNEQUAL_WOMEN, UNEQUAL_MEN, (5.0, 12.0), "about 8", "about 0.65"),
    ("visa-border-leader", "fair", FAIR_WOMEN, FAIR_MEN, (1.3, 3.0), "2.96", "0.45"),
)


@check("10: false positives by group")
def false_positives(size: Size) -> Iterator[Cell]:
    """Set the threshold on the baseline group and look at the others, within each group."""
    for name, kind, women, men, mxog_allowed, mxog_published, gini_published in PROFILES:
        profile = load_profile(name)
        published = {label: women[label[:-2]] for label in READ if label.endswith("F")}
        published |= {label: men[label[:-2]] for label in READ if label.endswith("M") and label[:-2] in men}
        fitted = {
            row.what.split(" of ")[1].split(" over")[0]
            for row in profile.targets
            if row.fitted and row.what.startswith("false positives of")
        }
        rates = _closed(profile)
        for label, multiple in published.items():
            yield Cell(
                row=10,
                what=f"{name} ({kind}): FPIR of {label} over {BASE}, N = 1.6M",
                published=f"x{multiple:g}",
                value=rates[label] / rates[BASE],
                allowed=within_factor(multiple, 2.0),
                basis=FITTED if label in fitted else PREDICTED,
                how=CLOSED,
                source="N1N",
            )
        read = [rates[label] for label in (BASE, *published)]
        yield Cell(
            row=10,
            what=f"{name} ({kind}): MXOG of FPIR over the {len(read)} groups read, N = 1.6M",
            published=mxog_published,
            value=mxog(read),
            allowed=mxog_allowed,
            basis=PREDICTED,
            how=CLOSED,
            source="N1N",
        )
        yield Cell(
            row=10,
            what=f"{name} ({kind}): Gini of FPIR over the {len(read)} groups read, N = 1.6M",
            published=f"{gini_published} (range 0.11 to 0.81)",
            value=gini(read),
            allowed=(0.11, 0.81),
            basis=PREDICTED,
            how=CLOSED,
            source="N1N",
        )
        if kind == "unequal":
            yield Cell(
                row=10,
                what=f"{name} ({kind}): FPIR of E-Asia F over E-Asia M, N = 1.6M",
                published="4 to 6",
                value=rates["E-Asia F"] / rates["E-Asia M"],
                allowed=(2.0, 12.0),
                basis=PREDICTED,
                how=CLOSED,
                source="N1N",
            )
        yield from _counted(profile, f"{name} ({kind})", published, mxog_allowed, mxog_published, size)


def _closed(profile: FaceProfile) -> dict[str, float]:
    threshold = ScoreLaw(profile, groups=(BASE, BASE)).threshold(GALLERY, FPIR)
    labels = (BASE, *READ, "E-Asia M")
    laws = {label: ScoreLaw(profile, groups=(label, label)) for label in labels}
    return {label: float(law.fpir(GALLERY, threshold)) for label, law in laws.items()}


def _counted(
    profile: FaceProfile,
    name: str,
    published: dict[str, float],
    allowed: tuple[float, float],
    mxog_published: str,
    size: Size,
) -> Iterator[Cell]:
    """Count at a small gallery and another FPIR than the offsets were fitted at."""
    threshold = ScoreLaw(profile, groups=(BASE, BASE)).threshold(SMALL, SMALL_FPIR)
    seen: dict[str, Rate] = {}
    for label in (BASE, *published):
        best, _ = best_strangers(profile, SMALL, size(6000), group=label)
        seen[label] = hits(best, threshold)
    for label in ("E-Asia F", "S-Asia M", "W-Africa M"):
        yield Cell(
            row=10,
            what=f"{name}: FPIR of {label} over {BASE}, N = {SMALL:,}",
            published=f"x{published[label]:g}",
            allowed=within_factor(published[label], 2.0),
            basis=PREDICTED,
            source="N1N",
            **of_ratio(seen[label], seen[BASE]),
        )
    yield Cell(
        row=10,
        what=f"{name}: MXOG of FPIR over the {len(seen)} groups read, N = {SMALL:,}",
        published=mxog_published,
        value=mxog([r.value or 0.0 for r in seen.values()]),
        allowed=allowed,
        basis=PREDICTED,
        how=SIMULATED,
        source="N1N",
        counts=", ".join(f"{r.numerator}" for r in seen.values()) + f" of {size(6000):,} each",
    )


@check("11: false negatives by group")
def false_negatives(_size: Size) -> Iterator[Cell]:
    """Look at misses by group at the threshold of row 10."""
    for name, kind, *_ in PROFILES:
        profile = load_profile(name)
        threshold = ScoreLaw(profile, groups=(BASE, BASE)).threshold(GALLERY, FPIR)
        rates = [
            float(ScoreLaw(profile, groups=(label, label)).fnir(threshold))
            for label in profile.groups.members
        ]
        yield Cell(
            row=11,
            what=f"{name} ({kind}): MXOG of FNIR over {len(rates)} groups",
            published="1.2 to 4.5, typical 2",
            value=mxog(rates),
            allowed=(1.0, 4.5),
            basis=FITTED
            if kind == "unequal"
            else PREDICTED,  # the factors were assumed with the former in view
            how=CLOSED,
            source="N1N",
        )
