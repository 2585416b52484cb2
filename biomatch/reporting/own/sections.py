"""The sections of a report of a user's own scores: sentences and tables."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from biomatch.curves.separation import shown
from biomatch.decimals import text
from biomatch.reporting.figures import Ratio, count, percent
from biomatch.reporting.own.facts import Facts
from biomatch.reporting.tables import Table
from biomatch.tables.storage import digest


def sentence(facts: Facts) -> str:
    """Say in one sentence which threshold is recommended and what is guaranteed."""
    headline, promise = parts(facts)
    return f"{headline}: {promise[:1].lower()}{promise[1:].rstrip('.')}"


def parts(facts: Facts) -> tuple[str, str]:
    """Give the recommendation and its guarantee in plain words."""
    at, closer = facts.threshold, "or lower" if facts.curve.distances else "or higher"
    thing = "distance" if facts.curve.distances else "score"
    if at is None or facts.target is None:
        return "No threshold is recommended", "These scores carry no guarantee at any of the usual targets."
    start = f"Accept a {thing} of {text(at)} {closer}"
    searches = facts.curve.searches
    tested = 0 if searches is None else searches.enrolled_counts[0]
    if tested:
        start += f" in a gallery of N = {count(tested)}"
    if facts.guarantee is None:
        return start, "It met the target in these scores, and nothing is guaranteed beyond them."
    one_in = f" (1 in {count(round(1 / facts.target))})" if facts.target <= 0.5 else ""
    what = (
        "searches for people who are not in the gallery raise a false alarm"
        if facts.of_searches
        else "comparisons of two different people match"
    )
    sure = f"With {facts.confidence * 100:g}% confidence"
    return start, f"{sure}, at most {facts.target * 100:g}%{one_in} of {what}."


def guarantee(facts: Facts) -> list[str]:
    """Say where the guarantee comes from, what it rests on, and what it costs in misses."""
    found = facts.guarantee
    if found is None:
        said = [] if facts.refusal is None else [f"No guarantee: {facts.refusal}."]
    else:
        realised = found["realised"]
        people = f"{count(found['subjects'])} subjects"
        if found.get("effective_subjects") is not None:
            people += f" (worth {found['effective_subjects']:,.0f} equally busy ones)"
        said = [
            f"In these scores {count(realised['numerator'])} of {count(realised['denominator'])} non-mated "
            f"{'searches' if facts.of_searches else 'comparisons'} of {people} were accepted. From this the "
            f"rate ({found['measure']}) is at most {percent(found['bound'])} in the population that was "
            f"sampled, by a {found['method']}.",
            f"Subjects: {found['independence']}.",
        ]
    said.append(
        "Threshold and rates come from the same scores: the guarantee covers that choice, the miss rate "
        "beside it does not; grade it on scores that were not used here."
    )
    return said


def rates_table(facts: Facts) -> Table:
    """Give both rates at the recommended threshold."""
    at = facts.threshold
    rows: list[tuple[Any, ...]] = []
    if at is not None:
        curve = facts.curve
        if facts.of_searches:
            rows = [
                ("FPIR", Ratio.of(curve.fpir(at))),  # type: ignore[union-attr]
                ("FNIR, rank 1", Ratio.of(curve.fnir(at, 1))),  # type: ignore[union-attr]
                ("FNIR, rank L", Ratio.of(curve.fnir(at, curve.list_length))),  # type: ignore[union-attr]
            ]
        else:
            rows = [("FMR", Ratio.of(curve.fmr(at))), ("FNMR", Ratio.of(curve.fnmr(at)))]  # type: ignore[union-attr]
        rows.append(("FTA", Ratio.of(curve.failure_to_acquire())))
    caption = f"Rates at threshold {'none' if at is None else text(at)}"
    return Table("rates", caption, ("Rate", "95% interval"), tuple(rows))


def targets_table(facts: Facts) -> Table:
    """Give misses at the usual targets; `not shown` beyond what the data carry."""
    false, miss = facts.names
    rows: list[tuple[Any, ...]] = []
    for row in facts.usual().rows:
        if row.threshold is None or row.miss is None or row.interval is None:
            rows.append((f"{row.target:g}", "not shown", None, None))
            continue
        low, high = row.interval
        missed = Ratio(row.miss.numerator, row.miss.denominator, float(f"{low:.4g}"), float(f"{high:.4g}"))
        found = None if row.false_positive is None else Ratio.of(row.false_positive)
        rows.append((f"{row.target:g}", text(row.threshold), missed, found))
    return Table(
        "targets", f"{miss} where {false} is held",
        (f"{false} at most", "Threshold", f"{miss}, 95% interval", f"{false} in these scores"), tuple(rows),
        "The interval covers where the threshold for the target may lie; 'not shown': too few scores.",
    )  # fmt: skip


def figures_table(facts: Facts) -> Table | None:
    """Give the figures that stand for a whole curve."""
    found = facts.usual().figures
    if not found:
        return None
    rows = tuple(
        (
            name,
            None if one.value is None else shown(one.value),
            "" if one.interval is None else f"{shown(one.interval[0])} to {shown(one.interval[1])}",
            one.about,
        )
        for name, one in found.items()
    )
    return Table("figures", "The whole curve in figures", ("Figure", "Value", "95% interval", "About"), rows)


def groups_tables(facts: Facts) -> list[Table]:
    """Give rates by group, who is taken for whom, and how unequal groups fare."""
    found = facts.groups
    if not found:
        return []
    false, miss = (name.lower() for name in facts.names)
    rows = tuple(
        (str(row["group"]), _cell(row, false), _cell(row, miss), row["target"] or "")
        for row in found["groups"]
    )
    made = [
        Table("by-group", f"By {found['breakdown']}, at threshold {text(found['threshold'])}",
              ("Group", facts.names[0], facts.names[1], "Target"), rows)
    ]  # fmt: skip
    unequal = tuple(
        (
            name,
            None if one["value"] is None else float(f"{one['value']:.4g}"),
            "" if one["low"] is None else f"{one['low']:.3g} to {one['high']:.3g}",
        )
        for name, one in found["inequity"].items()
    )
    made.append(Table("inequity", "How unequal groups fare", ("Measure", "Value", "95% interval"), unequal))
    if found.get("cross_group"):
        cells = tuple(
            (str(cell["probe_group"]), str(cell["reference_group"]), _cell(cell, ""))
            for cell in found["cross_group"]
        )
        made.append(
            Table("cross-group", "Who is taken for whom", ("Probe", "Reference", facts.names[0]), cells)
        )
    return made


def _cell(row: Any, name: str) -> Ratio:
    start = f"{name}_" if name else ""
    return Ratio(
        int(row[f"{start}numerator"]), int(row[f"{start}denominator"]),
        float(f"{row[f'{start}low']:.4g}"), float(f"{row[f'{start}high']:.4g}"),
    )  # fmt: skip


def claims_table(facts: Facts) -> Table | None:
    """List what was asserted, with the verdict and its reason."""
    if not facts.claims:
        return None
    rows = tuple((one.claim.text, one.verdict, one.reason, one.claim.source) for one in facts.claims)
    return Table("claims", "Claims", ("Claim", "Verdict", "Why", "Source"), rows)


def beside_table(facts: Facts) -> Table | None:
    """Set the scores beside other matchers'."""
    if not facts.beside:
        return None
    rows = tuple(
        (
            str(one["file"]).rsplit("/", 1)[-1],
            Ratio(one["misses"][0]["numerator"], one["misses"][0]["denominator"], *_four(one["misses"][0])),
            Ratio(one["misses"][1]["numerator"], one["misses"][1]["denominator"], *_four(one["misses"][1])),
            f"{one['difference']:+.3g} ({one['interval'][0]:+.2g} to {one['interval'][1]:+.2g})",
            one["verdict"] + (", paired" if one["paired"] else ", not paired"),
        )
        for one in facts.beside
    )
    held = f"{facts.names[0]} {facts.beside[0]['target']:g}"
    return Table(
        "beside", f"Side by side, each at its own threshold for {held}",
        ("Scores", f"{facts.names[1]}, these", f"{facts.names[1]}, beside", "Difference", "Verdict"), rows,
    )  # fmt: skip


def _four(found: Any) -> tuple[float, float]:
    low, high = found["interval"]
    return float(f"{low:.4g}"), float(f"{high:.4g}")


def growth(facts: Facts) -> tuple[list[str], Table | None]:
    """Carry the guarantee to larger galleries, as far as an upper bound allows."""
    from biomatch.tuning.growth.methods import grow
    from biomatch.tuning.one_to_many import fpir_of

    found = facts.guarantee
    if found is None:
        return ["Without a guarantee nothing is said of larger galleries."], None
    bound, at = float(found["bound"]), text(float(found["threshold"]))
    if facts.of_searches:
        tested = facts.curve.enrolled_counts[0]  # type: ignore[union-attr]
        if not tested:
            return ["N of these searches is not known: say it with --enrolled."], None
        sizes = [tested * step for step in (1, 2, 5, 10, 100)]
        rows = [(count(size), percent(grow(bound, size / tested))) for size in sizes]
        how = "binomial growth of the bound, never too lenient where the tested gallery is a fair sample"
    else:
        sizes = [10, 100, 1_000, 10_000, 100_000]
        if facts.carried is not None:
            sizes = sorted({*sizes, facts.carried.gallery})
        rows = [(count(size), percent(fpir_of(bound, size))) for size in sizes]
        how = "1-(1-FMR)^N with FMR's bound: an upper bound for references drawn alike and independently"
    table = Table("growth", f"FPIR at threshold {at}, at most", ("N", "FPIR at most"), tuple(rows), how)
    return [f"The threshold stays {at}; false alarms grow with the number of people enrolled."], table


def provenance_table(facts: Facts) -> Table:
    """List files with their hashes, what they were taken for, and versions."""
    rows: list[tuple[str, str]] = [
        (path.name, f"SHA-256 {digest(path)}, {path.stat().st_size:,} bytes")
        for path in [*facts.files, *(path for path, _ in facts.others)]
    ]
    if facts.taken_for:
        rows.append(("taken for", facts.taken_for))
    rows += [("note", one) for one in facts.notes]
    rows += [
        ("direction", "lower is closer" if facts.curve.distances else "higher is closer"),
        ("biomatch", version("biomatch")),
        ("Python", platform.python_version()),
    ]
    return Table("provenance", "Where these figures come from", ("What", "Value"), tuple(rows))
