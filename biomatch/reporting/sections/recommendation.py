"""The recommended threshold in a sentence, its guarantee, and whether the grading world bears it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch.evaluation.result import Result
from biomatch.reporting.figures import Ratio, count, percent, shorten, threshold, words


def sentence(result: Result) -> str:
    """Say in one sentence which threshold is recommended and what is guaranteed."""
    point = result.point
    start = f"Accept a candidate from a score of {threshold(point.face_threshold)} on"
    if point.face_threshold_by:
        start += " (with thresholds of their own by " + ", ".join(map(words, point.face_threshold_by)) + ")"
    given = point.guarantee
    target, confidence = given.get("target"), given.get("confidence")
    if not isinstance(target, int | float) or not isinstance(confidence, int | float):
        return f"{start}: a threshold that was set without a guarantee"
    share = f"{target * 100:g}%"
    one_in = f" (1 in {count(round(1 / target))})" if 0 < target <= 0.5 else ""
    return (
        f"{start}: with {confidence * 100:g}% confidence, at most {share}{one_in} "
        "of the searches for people who are not in the gallery raise an alarm"
    )


def guarantee(result: Result) -> str:
    """Say where the guarantee comes from: bound, counts, method, lineages."""
    given = result.point.guarantee
    digits = f"Every digit counts: T = {result.point.face_threshold!r}."
    if not given:
        return f"No guarantee came with this operating point. {digits}"
    parts = []
    counts = counts_of(given)
    if counts is not None:
        parts.append(
            f"On the tuning world {count(counts[0])} of {count(counts[1])} non-mated searches raised an alarm"
        )
    if isinstance(given.get("subjects"), int):
        parts.append(
            f"made by {count(given['subjects'])} travellers, "
            f"{count(int(given.get('subjects_with_errors', 0)))} of them with an alarm"
        )
    if isinstance(given.get("bound"), int | float):
        parts.append(f"the one-sided upper confidence bound of FPIR is {percent(float(given['bound']))}")
    if given.get("conditional_on"):
        parts.append(f"it holds for {shorten(given['conditional_on'], 120)} as it was")
    if given.get("method"):
        parts.append(f"method: {shorten(words(str(given['method'])), 160)}")
    if result.point.lineages:
        parts.append("tuned on lineage " + ", ".join(map(str, result.point.lineages)))
    details = "; ".join(parts) if parts else "The guarantee's details stand under provenance"
    return f"{details}. {digits}"


def counts_of(given: Mapping[str, Any]) -> tuple[int, int] | None:
    """Find the counts at the tuned threshold in a guarantee."""
    realised = given.get("realised")
    found = realised if isinstance(realised, Mapping) else given
    counts = found.get("numerator"), found.get("denominator")
    return counts if all(isinstance(one, int) for one in counts) else None  # type: ignore[return-value]


def verdict(result: Result) -> str:
    """Say whether the rate on the grading world agrees with the target."""
    found, target = Ratio.of(result.fpir), result.point.guarantee.get("target")
    if found.value is None:
        return "The grading world had no non-mated search: it can neither support nor refute the guarantee."
    measured = f"On the grading world FPIR was {found}"
    if not isinstance(target, int | float):
        return f"{measured}."
    if found.value <= target:
        return f"{measured}: at or below the target of {target * 100:g}%."
    if found.low <= target:
        return (
            f"{measured}: above the target of {target * 100:g}%, "
            "by no more than chance explains (the interval holds the target)."
        )
    return (
        f"{measured}: ABOVE the target of {target * 100:g}%, and the interval excludes it. "
        "The guarantee does not carry over to this world."
    )


def holds(result: Result) -> bool:
    """Whether the measured FPIR does not contradict the target."""
    found, target = Ratio.of(result.fpir), result.point.guarantee.get("target")
    return found.value is None or not isinstance(target, int | float) or found.low <= target


def banner(result: Result) -> str:
    """Say what makes the grades optimistic, or nothing."""
    if not result.point.resubstitution:
        return ""
    return (
        "Resubstitution: this operating point was graded on a world of a lineage that it was tuned on. "
        "Its error rates are optimistic."
    )


def gallery(result: Result) -> str:
    """Say N and L, which belong to every rate."""
    middle, least, most = result.enrolled
    spread = f" (median; {count(least)} to {count(most)})" if least != most else ""
    return f"N = {count(middle)}{spread}, L = {result.list_length}"


def label(result: Result) -> str:
    """Name a result: scenario, lineage, system."""
    about = result.about
    scenario = about.get("scenario")
    name = scenario.get("name") if isinstance(scenario, Mapping) else None
    if name is None:
        name = dict(about.get("observed") or {}).get("scenario", "world")
    return (
        f"{shorten(name, 40)}, lineage {about.get('lineage')}, system {shorten(result.point.system.name, 40)}"
    )
