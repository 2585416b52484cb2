"""The decision card of a user's own scores, as far as scores can fill it."""

from __future__ import annotations

from biomatch.decimals import text
from biomatch.rates import Rate
from biomatch.reporting.decision.card import Claim, Decision, Grown, Worst
from biomatch.reporting.decision.facts import FEWEST, ratio_interval
from biomatch.reporting.figures import Ratio, count, percent, shorten
from biomatch.reporting.own import sections
from biomatch.reporting.own.facts import Curve, Facts

EVERYONE = "the group with the lowest rate"


def decision(facts: Facts) -> Decision:
    """Make the card: threshold, guarantee, the reader's gallery, groups and claims."""
    headline, promise = sections.parts(facts)
    at, curve = facts.threshold, facts.curve
    rates: tuple[tuple[str, Ratio], ...] = ()
    if at is not None:
        rates = tuple((name, Ratio.of(rate)) for name, rate in zip(facts.names, both(curve, at), strict=True))
    searched = curve.searches and curve.searches.enrolled_counts[0]
    return Decision(
        headline=headline,
        promise=promise,
        threshold="none" if at is None else text(at),
        where=f"Measured at N = {count(searched)}, L = {curve.searches.list_length}."
        if searched and curve.searches
        else "",
        closer="at or below" if curve.distances else "at or above",
        rates=rates,
        grown=_grown(facts),
        worst=_worst(facts),
        claims=tuple(Claim(one.claim.text, one.verdict, one.reason) for one in facts.claims),
        stamp="Own scores",
    )


def both(curve: Curve, at: float, confidence: float = 0.95) -> tuple[Rate, Rate]:
    """Give the false-positive rate and the miss rate (at rank L) of a curve."""
    return curve.false_rate(at, confidence), curve.miss_rate(at, confidence)


def _grown(facts: Facts) -> Grown | None:
    found = facts.guarantee
    if found is None:
        return None
    bound = float(found["bound"])
    tested = 1
    if facts.curve.searches is not None:
        tested = facts.curve.searches.enrolled_counts[0]
        if not tested:
            return None
    size = facts.carried.gallery if facts.carried is not None else max(tested, 1_000)
    where = "" if facts.of_searches else ", one comparison"
    at = f" at N = {count(tested)}" if facts.of_searches else where
    return Grown(bound, tested, size, f"{facts.names[0]} guaranteed at most {percent(bound)}{at}")


def _worst(facts: Facts) -> Worst | str:
    """Set the group with the highest rate against the one with the lowest, each with its own interval."""
    at = facts.threshold
    if not facts.groups or at is None:
        return ""
    parts = facts.curve.by(str(facts.groups["breakdown"]))
    confidence = 1.0 - 0.05 / max(1, 2 * len(parts))
    worst: Worst | None = None
    for place, name in enumerate(facts.names):
        rated = {
            label: (both(part, at, confidence)[place], both(part, at)[place]) for label, part in parts.items()
        }
        rated = {label: pair for label, pair in rated.items() if pair[0].denominator >= FEWEST}
        if len(rated) < 2:
            continue
        high = max(rated, key=lambda label: rated[label][0].value or 0.0)
        low = min(rated, key=lambda label: rated[label][0].value or 0.0)
        (a, own), (b, other) = rated[high], rated[low]
        if not a.value or b.value is None or a.value <= b.value:
            continue
        least, most = ratio_interval(a, b)
        if worst is None or least > worst.low:
            ratio = a.value / b.value if b.value else float("inf")
            worst = Worst(
                shorten(high, 40), name, ratio, least, most, Ratio.of(own), Ratio.of(other), 2 * len(parts),
                against=EVERYONE,
            )  # fmt: skip
    return "No two groups with errors can be compared: too few." if worst is None else worst
