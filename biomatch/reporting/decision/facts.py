"""What the decision card says of a result, every figure at the tuned threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt
from typing import Any

import polars as pl

from biomatch import decimals
from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.overstays.counts import Overstays
from biomatch.evaluation.result import Result
from biomatch.rates import Rate, clustered_rate
from biomatch.reporting.along import own_non_mated
from biomatch.reporting.decision.card import Claim, Decision, Grown, Worst
from biomatch.reporting.figures import Ratio, count, number, percent, shorten, words
from biomatch.reporting.sections import recommendation
from biomatch.reporting.sections.costs import costs_of
from biomatch.reporting.sections.growth import growth_of
from biomatch.reporting.sections.rates import days_of

FEWEST = 30
"""Trials from which on a group's rate is compared: the usual bound of small samples."""


def decision(
    result: Result, lists: Sequence[tuple[str, Overstays]] = (), more: Sequence[Claim] = ()
) -> Decision:
    """Make the card of a result.

    Parameters
    ----------
    result : Result
        What was judged.
    lists : sequence of (str, Overstays)
        Lists of overstays of the same records under other systems, by name; the result's own is added
        where none is given.
    more : sequence of Claim
        Claims of whoever asked, which stand first.
    """
    headline, promise = recommendation.parts(result)
    return Decision(
        headline=headline,
        promise=promise,
        threshold=decimals.text(result.point.face_threshold),
        where=_where(result),
        rates=(("FPIR", Ratio.of(result.fpir)), ("FNIR", Ratio.of(result.fnir))),
        day=tuple(_day(result)),
        day_head=_day_head(result),
        grown=_grown(result),
        worst=worst_off(result),
        **_lists(result, lists),
        claims=(*more, *claims(result)),
    )


def _where(result: Result) -> str:
    own = ""
    if result.point.face_threshold_by:
        by = " and ".join(map(words, result.point.face_threshold_by))
        own = f" Other thresholds hold by {by}."
    return f"Graded at {recommendation.gallery(result)}.{own}"


# -- a day ---------------------------------------------------------------------------------------------


def _ports(result: Result) -> list[str]:
    return [str(one) for one in _own(result)["port"].unique().sort()]


def _own(result: Result) -> pl.DataFrame:
    return result.trials.filter(pl.col("counted") & ~pl.col("designed"))


def _day_head(result: Result) -> str:
    ports = _ports(result)
    where = f"at {shorten(ports[0], 30)}" if len(ports) == 1 else f"at all {count(len(ports))} ports"
    days = days_of(result)
    return f"A mean day {where}" + ("" if days is None else f", and all {count(days)} days")


def _day(result: Result) -> list[tuple[str, str, str]]:
    """Give what a mean day brings; empty where the days are unknown."""
    days, own = days_of(result), _own(result)
    if days is None or not own.height:
        return []
    missed = int(own.filter("mated")["missed"].sum())
    false = int(own.filter(~pl.col("mated") & pl.col("acquired"))["false_positive"].sum())
    events = [
        ("Travellers searched", own.height),
        ("Not recognised", missed),
        ("False alarms", false),
        ("Honest travellers stopped", result.alerts["all"].false_encounters),
    ]
    found = [(what, _a_day(n, days), count(n)) for what, n in events]
    prices = costs_of(result)
    if prices is not None:
        each, given = prices[0].alarm_minutes, prices[1]
        minutes = each * sum(n for _, n in events[1:]) / days
        what = f"Minutes of staff, {each:g} a case{'' if given else ' (assumed)'}"
        found.append((what, _mean(minutes), count(round(minutes * days))))
    return found


def _a_day(events: int, days: int) -> str:
    return _mean(events / days)


def _mean(value: float) -> str:
    return number(float(f"{value:.3g}")) if value else "0"


# -- the reader's gallery ------------------------------------------------------------------------------


def _grown(result: Result) -> Grown | None:
    """Take the guarantee's bound; without one, the upper end of the measured interval."""
    tested, given = result.enrolled[0], result.point.guarantee
    bound, confidence = given.get("bound"), given.get("confidence")
    enrolled = given.get("enrolled")
    middle = enrolled.get("median") if isinstance(enrolled, Mapping) else None
    if isinstance(bound, int | float) and isinstance(confidence, int | float) and 0 <= bound <= 1:
        tested = middle if isinstance(middle, int) and middle > 0 else tested
        source = f"Guaranteed {percent(float(bound))} at N = {count(tested)}"
    elif result.fpir.denominator:
        bound = result.fpir.interval[1]
        source = f"Measured at most {percent(bound)} at N = {count(tested)} (upper end of the 95% interval)"
    else:
        return None
    if tested < 1:
        return None
    growth = growth_of(result)
    asked = given.get("larger_gallery")
    size = asked.get("gallery") if isinstance(asked, Mapping) else None
    if not isinstance(size, int) and growth is not None:
        size = growth["operational"]
    return Grown(float(bound), tested, size if isinstance(size, int) and size > 0 else tested, source)


# -- groups --------------------------------------------------------------------------------------------


def worst_off(result: Result, by: str = "group") -> Worst | str:
    """Find the group whose FPIR or FNIR is most above that of all others, by the ratio's lower bound."""
    own = _own(result).filter("acquired")
    other = own_non_mated(result.trials)
    found: list[tuple[str, str, pl.DataFrame, pl.DataFrame, str]] = []
    for name, part, event in (("FPIR", other, "false_positive"), ("FNIR", own.filter("mated"), "missed")):
        labelled = part.with_columns(label=pl.col(by).cast(pl.String).fill_null("unknown"))
        for label in labelled["label"].unique().sort():
            here = labelled.filter(pl.col("label") == label)
            rest = labelled.filter(pl.col("label") != label)
            if min(here.height, rest.height) >= FEWEST:
                found.append((str(label), name, here, rest, event))
    if not found:
        return f"No group has {FEWEST} searches, so none is compared."
    confidence = 1.0 - 0.05 / len(found)
    worst: tuple[float, float, Worst] | None = None
    for label, name, here, rest, event in found:
        a, b = (_clustered(part, event, confidence) for part in (here, rest))
        if not a.value or b.value is None or a.value <= b.value:
            continue
        low, high = ratio_interval(a, b)
        ratio = a.value / b.value if b.value else inf
        one = Worst(
            shorten(label, 40), name, ratio, low, high,
            Ratio.of(_clustered(here, event)), Ratio.of(_clustered(rest, event)), len(found),
        )  # fmt: skip
        if worst is None or (low, one.ratio) > worst[:2]:
            worst = (low, one.ratio, one)
    return "No group's errors can be set against those of the others: too few." if worst is None else worst[2]


def _clustered(part: pl.DataFrame, event: str, confidence: float = 0.95) -> Rate:
    errors, trials = by_subject(part[event].to_numpy(), part["person_id"].to_numpy())
    return clustered_rate(errors, trials, confidence)


def ratio_interval(one: Rate, other: Rate) -> tuple[float, float | None]:
    """Give the interval of ``one / other``, two independent rates, `one` above zero, from their intervals.

    MOVER-R (Donner and Zou, Stat. Methods Med. Res. 21, 2012; Newcombe, 25, 2016): it heeds whatever the
    two intervals heed, here that one person's errors come together. None: no upper limit.

    Examples
    --------
    >>> from biomatch.rates import rate
    >>> low, high = ratio_interval(rate(30, 100), rate(10, 100))
    >>> round(low, 1), round(high, 1)
    (1.5, 6.4)
    """
    a, b = float(one.value or 0.0), float(other.value or 0.0)
    (a_low, a_high), (b_low, b_high) = one.interval, other.interval
    product = a * b
    below, above = a_low * (2 * a - a_low), a_high * (2 * a - a_high)
    under = max(0.0, product**2 - below * b_high * (2 * b - b_high))
    over = max(0.0, product**2 - above * b_low * (2 * b - b_low))
    low = below / (product + sqrt(under))  # the published form, made free of its 0 / 0 at b_high = 2 b
    high = (product + sqrt(over)) / (b_low * (2 * b - b_low)) if b_low > 0 else None
    return low, high


# -- overstays and claims ------------------------------------------------------------------------------


def _lists(result: Result, lists: Sequence[tuple[str, Overstays]]) -> dict[str, Any]:
    if lists:
        rows = tuple((name, one.leads, one.false_leads, one.hidden) for name, one in lists)
        note = f"As of {lists[-1][1].as_of}, from the same records."
        return {"lists": rows, "lists_note": note}
    if not result.overstays:
        return {"lists_note": "This result lists no stays."}
    last, name = result.overstays[-1], f"System {shorten(result.point.system.name, 20)}"
    return {
        "lists": ((name, last.leads, last.false_leads, last.hidden),),
        "lists_note": f"As of {last.as_of}. The demo sets the list by documents alone beside it.",
    }


def claims(result: Result) -> list[Claim]:
    """Judge what is claimed of the tuned point, on the grading world."""
    found, given = [], result.point.guarantee
    target = given.get("target")
    if isinstance(target, int | float):
        found.append(_held(f"FPIR at most {target * 100:g}%", Ratio.of(result.fpir), float(target)))
        found.append(_each_group(result, float(target)))
    alerts = given.get("alerts")
    limit = alerts.get("max_stops_per_million") if isinstance(alerts, Mapping) else None
    if isinstance(limit, int | float):
        what = f"Honest travellers stopped: at most {limit:,g} in a million"
        found.append(_held(what, Ratio.of(result.alerts["all"].false_alarms), limit / 1e6))
    lost, mates = result.misses.get("lost by the index", 0), result.fnir.denominator
    if mates:
        verdict = "met" if not lost else "not met"
        found.append(Claim("The index loses no mate", verdict, f"{count(lost)} of {count(mates)}"))
    return found


def _held(text: str, ratio: Ratio, limit: float) -> Claim:
    return Claim(text, verdict_of(ratio, limit), str(ratio))


def verdict_of(ratio: Ratio, limit: float) -> str:
    """Say whether a rate is at most a limit: met and not met only where the whole interval says so."""
    if ratio.value is None:
        return "not shown"
    return "met" if ratio.high <= limit else "not met" if ratio.low > limit else "not shown"


def _each_group(result: Result, target: float) -> Claim:
    rows = [row for row in result.by("group").to_dicts() if row["fpir_trials"]]
    ratios = [Ratio(r["fpir_errors"], r["fpir_trials"], r["fpir_low"], r["fpir_high"]) for r in rows]
    verdicts = [verdict_of(one, target) for one in ratios]
    above = verdicts.count("not met")
    verdict = "not met" if above else "met" if verdicts and set(verdicts) == {"met"} else "not shown"
    why = (
        f"{count(above)} of {count(len(rows))} groups above it"
        if above
        else f"{count(verdicts.count('met'))} of {count(len(rows))} groups shown below it"
    )
    return Claim("The same for every group", verdict, why)
