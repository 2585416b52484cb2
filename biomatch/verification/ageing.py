"""Row 8: ten years between the images; the rate is fitted on the leader and predicts the other tiers."""

from __future__ import annotations

from collections.abc import Iterator

from biomatch.verification.cell import FITTED, PREDICTED, Cell, Size, check, of_ratio, within_factor
from biomatch.verification.simulate import law_of, mated_scores, misses

YEARS = 10.0
TIERS = (
    ("visa-border-leader", 4.0, FITTED),
    ("visa-border-50th", 11.0, PREDICTED),
    ("visa-border-100th", 11.0, PREDICTED),
)


@check("8: ageing")
def ageing(size: Size) -> Iterator[Cell]:
    """Count misses at one threshold with and without ten years between the images."""
    for name, published, basis in TIERS:
        profile, threshold = law_of(name).profile, law_of(name).threshold(1_600_000, 0.003)
        now = misses(mated_scores(profile, size(100_000)), threshold)
        aged = misses(mated_scores(profile, size(40_000), years=YEARS), threshold)
        yield Cell(
            row=8,
            what=f"{name}: FNIR after 10 years over FNIR, FPIR 0.003, N = 1.6M",
            published=f"x{published:g}",
            allowed=within_factor(published, 1.7),
            basis=basis,
            source="N1N",
            **of_ratio(aged, now),
        )
