"""What `biomatch scores` says of a curve: counts, thresholds, guarantee, tables, groups, larger galleries."""

from __future__ import annotations

from typing import Any

from biomatch.decimals import text
from biomatch.errors import ResultsError

CURVE_POINTS = 200
"""Points of the printed curve; `bm.identification_curve(...).points()` gives every one."""
BIG = 100_000_000
"""Beyond this many non-mated comparisons no curve is sorted; thresholds and rates take one pass each."""


def counts_of(curve: Any) -> dict[str, Any]:
    """Count the trials of a curve, with N, L and FTA where it has them."""
    from biomatch.scorefiles import StreamedComparisons

    if curve.searches is not None:
        median, least, greatest = curve.enrolled_counts
        return {
            "kind": "searches",
            "mated": curve.mated,
            "non_mated": curve.non_mated,
            "list_length": curve.list_length,
            "enrolled": {"median": median, "least": least, "greatest": greatest} if greatest else None,
            "failure_to_acquire": curve.failure_to_acquire(),
            "direction": direction(curve),
        }
    fta = None
    if isinstance(curve, StreamedComparisons):
        mated, non_mated, equal = curve.mated.total, curve.non_mated.total, None
    else:
        mated, non_mated = curve.mated_scores.size, curve.non_mated_scores.size
        equal = None if non_mated > BIG else curve.eer()
        fta = curve.failure_to_acquire() if curve.mated_failures or curve.non_mated_failures else None
    return {
        "kind": "comparisons",
        "mated": mated,
        "non_mated": non_mated,
        "eer": None if equal is None else {"value": equal.value, "threshold": equal.threshold},
        "failure_to_acquire": fta,
        "direction": direction(curve),
    }


def direction(curve: Any) -> str:
    """Say which side of a threshold is accepted."""
    if curve.distances:
        return "distance: accepted at or below the threshold"
    return "similarity: accepted at or above the threshold"


def headline(counts: dict[str, Any], form: str) -> str:
    """Say in a line what the file holds."""
    tail = ""
    if counts["kind"] == "searches":
        enrolled = counts["enrolled"]
        size = "unknown (say --enrolled)" if enrolled is None else f"{enrolled['median']:,}"
        tail = f"; N = {size}, L = {counts['list_length']:,}; FTA {counts['failure_to_acquire']}"
    else:
        if counts["eer"] is not None:
            tail = f"; EER {counts['eer']['value']:.4g} at {text(counts['eer']['threshold'])}"
        if counts["failure_to_acquire"] is not None:
            tail += f"; FTA {counts['failure_to_acquire']}"
    return f"{form}: {counts['mated']:,} mated and {counts['non_mated']:,} non-mated {counts['kind']}{tail}"


def at_target(
    curve: Any, target: float, confidence: float, cap: int | None
) -> tuple[dict[str, Any], list[str]]:
    """Give the point estimate's threshold and the guaranteed one, with the rates at each."""
    from biomatch.tuning.curve_guarantee import guarantee_for

    measure, miss = (name.lower() for name in curve.measures)
    realised = curve.threshold_for(target)
    payload: dict[str, Any] = {
        "target": target,
        "threshold": realised,
        "threshold_interval": list(curve.interval_for(target)),
        measure: curve.false_rate(realised),
    }
    lower = " or lower" if curve.distances else ""
    lines = [f"threshold {text(realised)}{lower} (point estimate): {measure.upper()} {payload[measure]}"]
    misses = misses_at(curve, miss, realised)
    payload |= misses
    lines += [f"  {label_of(key)} {value}" for key, value in misses.items() if value is not None]
    payload["refuses_all"] = _refuses_all(payload[measure], misses[miss])
    if payload["refuses_all"]:
        lines.append(
            f"  no threshold below 'refuse all' meets {measure.upper()} <= {target:g}: "
            "non-mated scores reach the highest mated one"
        )
    try:
        held = guarantee_for(curve, target, confidence, cap)
    except ResultsError as fault:
        payload |= {"guarantee": None, "refusal": str(fault)}
        lines.append(f"no guarantee: {fault}")
        return payload, lines
    at_held = misses_at(curve, miss, held.threshold)
    refuses = _refuses_all(held.realised, at_held[miss])
    payload["guarantee"] = {**held.to_json(), **at_held, "refuses_all": refuses}
    lines.append(f"guaranteed: {held}")
    if refuses and not payload["refuses_all"]:
        lines.append("  this threshold refuses everybody: no lower one is guaranteed to meet the target")
    lines += [f"  {label_of(key)} {value}" for key, value in at_held.items() if value is not None]
    if not held.named:
        lines.append(f"  independence {held.independence}")
    return payload, lines


def label_of(key: str) -> str:
    """Write the key of a rate for a person: FNMR, FNIR at rank 1.

    Examples
    --------
    >>> label_of("fnmr"), label_of("fnir_rank_1"), label_of("fnir_rank_l")
    ('FNMR', 'FNIR at rank 1', 'FNIR at rank L')
    """
    measure, _, rank = key.partition("_rank_")
    words = measure.upper() if measure.startswith("f") else measure.replace("_", " ")
    return f"{words} at rank {rank.upper()}" if rank else words


def _refuses_all(false: Any, miss: Any) -> bool:
    """Say whether a threshold accepts nobody at all, mated or not."""
    return bool(
        miss is not None and miss.denominator and miss.numerator == miss.denominator and not false.numerator
    )


def misses_at(curve: Any, miss: str, threshold: float) -> dict[str, Any]:
    """Give the miss rates at a threshold, those of the system included where captures failed."""
    if miss == "fnmr":
        found = {"fnmr": curve.fnmr(threshold)}
        if getattr(curve, "mated_failures", 0) or getattr(curve, "non_mated_failures", 0):
            found["frr"] = curve.false_reject_rate(threshold)
            found["far"] = curve.false_accept_rate(threshold)
        return found
    unlimited = curve.fnir(threshold) if _known(curve, threshold) else None
    found = {"fnir": unlimited, "fnir_rank_1": curve.fnir(threshold, 1)}
    found["fnir_rank_l"] = curve.fnir(threshold, curve.list_length)
    found["system_miss_rate"] = curve.system_miss_rate(threshold, curve.list_length)
    return found


def _known(curve: Any, threshold: float) -> bool:
    return bool((-threshold if curve.distances else threshold) > curve.mates_known_above)


def by_group(curve: Any, by: str, payload: dict[str, Any], target: float) -> tuple[dict[str, Any], list[str]]:
    """Break the guaranteed threshold down by group, or, where there is none, the point estimate."""
    from biomatch.cli.worlds.groups import crossed_lines, told
    from biomatch.curves.groups import cross_group, group_report

    at = payload["threshold"] if payload["guarantee"] is None else payload["guarantee"]["threshold"]
    of_searches = curve.searches is not None
    report = group_report(curve, by, at, target=target, rank=curve.list_length if of_searches else None)
    found, lines = told(report.to_json())
    lines.insert(0, f"by {by} at threshold {text(at)}:")
    # Whom a false positive was taken for: the group of the best candidate, or of the reference compared.
    other, strata = f"{'candidate' if of_searches else 'reference'}_{by}", curve.non_mated_strata
    found["cross_group"] = None
    if other in strata:
        table = cross_group(
            curve.non_mated_scores,
            strata[by], strata[other], 0.0 - at if curve.distances else at,
            subjects=curve.non_mated_subjects,
            reference_subjects=curve.non_mated_references,
            of_comparisons=not of_searches,
        ).to_dicts()  # fmt: skip
        found["cross_group"] = table
        lines += crossed_lines(table)
    return found, lines


def points_of(curve: Any) -> dict[str, list[Any]]:
    """Thin the curve to points that are evenly spread over the false-positive counts' logarithm."""
    import numpy as np

    points = curve.counts()
    # One threshold for each false-positive count: the most lenient, with the fewest misses.
    counts, first = np.unique(points.false_positives, return_index=True)
    wanted = np.unique(np.geomspace(1, counts.size, CURVE_POINTS).round().astype(int) - 1)
    at = np.sort(first[wanted])
    return {
        "thresholds": [points.decimal(int(one)) for one in at],
        "false_positives": points.false_positives[at].tolist(),
        "misses": points.misses[at].tolist(),
    }


def usual_lines(found: Any) -> list[str]:
    """Write the tables of a curve for a person."""
    false, miss = found.measures
    lines = [f"{miss} where {false} is held (interval covers where the threshold lies):"]
    for row in found.rows:
        if row.threshold is None:
            lines.append(f"  {false} {row.target:g}: not shown")
            continue
        low, high = row.interval
        lines.append(
            f"  {false} {row.target:g}: {miss} {row.miss.value:.3g} ({row.miss.numerator:,} of "
            f"{row.miss.denominator:,}; {low:.2g} to {high:.2g}) at threshold {text(row.threshold)}"
        )
    if found.figures:
        lines.append("; ".join(f"{name} {figure}" for name, figure in found.figures.items()))
    return lines


def gallery_lines(found: Any) -> list[str]:
    """Say what a 1:1 guarantee means for a gallery of N."""
    lines = [
        f"N = {found.gallery:,}: FPIR <= {found.max_fpir:g} asks for FMR <= {found.max_fmr:.3g}; threshold "
        f"{text(found.threshold)} (point estimate)"
    ]
    if found.guarantee is None:
        return [*lines, f"  no guarantee: {found.refusal}"]
    return [
        *lines,
        f"  guaranteed: FPIR at most {found.fpir_bound:.3g} at threshold {text(found.guarantee.threshold)} "
        f"(bound 1-(1-FMR)^N); {found.guarantee}",
    ]


def by_law(curve: Any, profile: str | None, found: Any) -> tuple[dict[str, Any] | None, list[str]]:
    """Give what a fitted score law estimates at N, called what it is: an estimate, no guarantee."""
    if profile is None:
        return None, []
    from biomatch.scorelaw.predict import predict
    from biomatch.settings.profile import load_profile

    parts = (curve.mated_scores, curve.non_mated_scores)
    if curve.distances or any(part.size and max(abs(part.min()), abs(part.max())) > 1.0001 for part in parts):
        raise ResultsError(
            "a score law for these scores",
            allowed="cosines of unit embeddings, -1 to 1: the law's own scale",
            remedy="leave --law out: the bound holds for scores of any scale",
        )
    # The bound beside it holds by itself, so an estimate beyond the profile's range is shown with a warning.
    law = predict(load_profile(profile), float(found.gallery), found.max_fpir, beyond=True)
    payload = {"profile": profile, "what": "estimate of a fitted law, no guarantee", **law.to_json()}
    lines = [
        f"  estimate of the law {profile} (no guarantee): threshold {law.threshold:.4f}, FNIR {law.fnir:.3g} "
        f"({law.fnir_interval[0]:.2g} to {law.fnir_interval[1]:.2g})"
    ]
    return payload, lines + [f"  the law warns: {one}" for one in law.warnings]
