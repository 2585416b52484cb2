"""The recommended threshold in a sentence, its guarantee, and whether the grading world bears it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch.evaluation.result import Result
from biomatch.reporting.figures import Ratio, count, percent, shorten, threshold, words
from biomatch.reporting.sections.rates import days_of


def sentence(result: Result) -> str:
    """Say in one sentence which threshold is recommended and what is guaranteed."""
    headline, promise = parts(result)
    said = promise[:1].lower() + promise[1:]
    return f"{headline}: {said.partition('. ')[0].rstrip('.')}"


def parts(result: Result) -> tuple[str, str]:
    """Give the recommendation, with N in it, and its guarantee in plain words."""
    point, given = result.point, result.point.guarantee
    enrolled = given.get("enrolled")
    size = enrolled.get("median") if isinstance(enrolled, Mapping) else None
    size = size if isinstance(size, int) else result.enrolled[0]
    headline = f"Accept candidates scoring {threshold(point.face_threshold)} or higher"
    own = [words(one) for one in point.face_threshold_by if one != "search"]
    if own:
        headline += f" (thresholds of their own by {' and '.join(own)})"
    if size:
        headline += f" in a gallery of N = {count(size)}"
    target, confidence = given.get("target"), given.get("confidence")
    if not isinstance(target, int | float) or not isinstance(confidence, int | float):
        return headline, "A threshold that was set without a guarantee."
    one_in = f" (1 in {count(round(1 / target))})" if 0 < target <= 0.5 else ""
    return headline, (
        f"With {confidence * 100:g}% confidence, at most {target * 100:g}%{one_in} of the searches for "
        "people who are not in the gallery raise a false alarm."
    )


def guarantee(result: Result) -> str:
    """Say where the guarantee comes from: lineages, counts, bound, method."""
    given, point = result.point.guarantee, result.point
    digits = f"Every digit of the threshold counts: {point.face_threshold!r}."
    if not given:
        return f"No guarantee came with this operating point. {digits}"
    where = "the tuning world"
    if point.lineages:
        where += f" (lineage {', '.join(map(str, point.lineages))})"
    said = []
    counts = counts_of(given)
    if counts is not None:
        people = ""
        if isinstance(given.get("subjects"), int):
            erred, every = int(given.get("subjects_with_errors", 0)), given["subjects"]
            people = f", made by {count(erred)} of {count(every)} travellers"
        said.append(
            f"On {where}, {count(counts[0])} of {count(counts[1])} searches for people who are not in the "
            f"gallery raised a false alarm{people}."
        )
    else:
        said.append(f"The threshold was tuned on {where}.")
    if isinstance(given.get("bound"), int | float):
        method = shorten(words(str(given["method"])), 160) if given.get("method") else ""
        said.append(
            f"From this, the share (FPIR) is at most {percent(float(given['bound']))} in the population that "
            "was sampled" + (f", by a {method}" if method else "") + "."
        )
    elif given.get("method"):
        said.append(f"Method: {shorten(words(str(given['method'])), 160)}.")
    if given.get("conditional_on"):
        said.append(f"That holds for {shorten(given['conditional_on'], 120)} as it was.")
    return " ".join([*said, digits])


def consequences(result: Result) -> str:
    """Say in a sentence what the tuned threshold brought on the grading world; empty without counts."""
    days = days_of(result)
    parts = []
    if result.fpir.denominator:
        parts.append(_counted(result.fpir.numerator, "false alarm"))
    if result.fnir.denominator:
        missed = result.fnir.numerator
        parts.append(f"{_counted(missed, 'traveller')} who {'was' if missed == 1 else 'were'} not recognised")
    if result.overstays:
        parts.append(_counted(result.overstays[-1].false_leads, "false overstay lead"))
    alerts = result.alerts["all"]
    if alerts.honest_encounters:
        parts.append(f"{_counted(alerts.false_encounters, 'honest traveller')} stopped by an alert of fraud")
    if alerts.events:
        parts.append(f"{count(alerts.caught)} of {_counted(alerts.events, 'fraud')} caught")
    if not parts:
        return ""
    when = "On the grading world" + ("" if days is None else f", {_counted(days, 'day')} long,")
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    at = threshold(result.point.face_threshold)
    return f"{when} the tuned threshold (T = {at}) brought {listed}."


def _counted(number: int, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


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
    measured = f"On the grading world, which shares no people with the tuning world, FPIR was {found}"
    if result.point.resubstitution:
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


def distinctions(result: Result) -> tuple[str, ...]:
    """Say what may tell results of one name apart, the most telling first."""
    point = result.point
    target = point.guarantee.get("target")
    return (
        f"T = {threshold(point.face_threshold)}",
        f"target {target * 100:g}%" if isinstance(target, int | float) else "no target",
        f"stays as of {result.overstays[-1].as_of}" if result.overstays else "no stays",
        f"T = {point.face_threshold!r}",
        f"world {result.about.get('world_id', '')}",
        f"settings {point.system.id}",
    )


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
