"""Row 13: twins at FMR 1e-4; beyond the leader only twins of one sex are fitted, the rest is predicted."""

from __future__ import annotations

from collections.abc import Iterator

from biomatch.verification.cell import FITTED, PREDICTED, Cell, Size, check, of_rate
from biomatch.verification.simulate import hits, kin_scores, law_of

KINDS = (
    ("identical", "0.911, 0.992, 0.994", (0.86, 1.0)),
    ("same_sex", "0.703, 0.739, 0.797", (0.65, 0.85)),
    ("different_sex", "0.029, 0.029, 0.037", (0.02, 0.05)),
)


@check("13: twins")
def twins(size: Size) -> Iterator[Cell]:
    """Count accepted pairs of twins."""
    for name in ("visa-border-leader", "visa-border-50th", "visa-border-100th"):
        profile, threshold = law_of(name).profile, law_of(name).threshold_at_fmr(1e-4)
        for kind, published, allowed in KINDS:
            yield Cell(
                row=13,
                what=f"{name}: twins, {kind.replace('_', ' ')}, accepted at FMR 1e-4",
                published=published,
                allowed=allowed,
                basis=FITTED if name == "visa-border-leader" or kind == "same_sex" else PREDICTED,
                source="N8439",
                **of_rate(hits(kin_scores(profile, kind, size(10_000)), threshold)),
            )
