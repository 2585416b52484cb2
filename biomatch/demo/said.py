"""The answers of the main job in at most fifteen lines, less the path of the report."""

from __future__ import annotations

from biomatch import decimals
from biomatch.demo.answers import Answers

MOST_LINES = 15
"""Lines that the demo prints, with the one that names the report."""
SEARCHES = {
    "open_stays": "who is leaving (open stays)",
    "all": "under another name (everyone before)",
    "watchlist": "who is wanted (watchlist)",
    "manifest": "who is announced (manifest)",
    "port_day": "who is announced (port and day)",
}
"""What each search asks."""


def lines(answers: Answers) -> list[str]:
    """Say everything that was found."""
    return [_worlds(answers), *_identification(answers), *_fraud(answers), *_overstays(answers)]


def _worlds(answers: Answers) -> str:
    tuning, grading, *frequent = answers.seeds
    return (
        f"{answers.scenario}, system {answers.system}: tuned on seed {tuning}, graded on seed {grading}; "
        f"frequent fraud from seeds {frequent[0]} and {frequent[1]}"
    )


def _identification(answers: Answers) -> list[str]:
    asked, point = answers.identification, answers.point
    if asked.target is None:
        shown = f"no target of FPIR can be shown ({asked.not_shown}); threshold of the leader profile"
    else:
        shown = f"FPIR at most {asked.target:g} with {asked.confidence:.0%} confidence"
        if asked.not_shown:
            shown += f" ({asked.asked:g} is not shown: {asked.not_shown})"
    found = [f"identification, threshold {decimals.text(point.face_threshold)}: {shown}"]
    for policy, one in answers.result.searches.items():
        own = "" if one.threshold == point.face_threshold else f", T = {decimals.text(one.threshold)}"
        who = f"{SEARCHES.get(policy, policy)}, N = {one.enrolled[0]:,}{own}"
        found.append(f"  {who}: FPIR {one.fpir}; FNIR {one.fnir}")
    return found


def _fraud(answers: Answers) -> list[str]:
    told = answers.fraud
    if not told.thresholds:
        return [f"fraud: not shown: {told.not_shown or 'nothing was tuned'}"]
    kinds = [f"{kind} {caught:,}/{events:,}" for kind, (caught, events) in told.by_kind.items()]
    kinds += [f"{kind} not searched" for kind in told.not_searched]
    limit = f"at most {told.asked:,g} honest stops per million"
    held = f"not shown: {told.not_shown}" if told.not_shown else f"shown: {limit}"
    found = [
        f"fraud, tuned to {limit}: caught {told.caught}",
        f"  {', '.join(kinds)}",
        f"  honest stopped {told.stopped}; {held}",
    ]
    return found + ([] if told.precision is None else [f"  {told.precision}"])


def _overstays(answers: Answers) -> list[str]:
    rows = answers.overstays
    width = max(len(row.system) for row in rows)
    found = [f"overstays as of {rows[-1].counts.as_of}, the same records under each system:"]
    for row in rows:
        one = row.counts
        what = f" ({row.what})" if row.what else ""
        listed = f"{one.leads:,} leads, {one.false_leads:,} false{what}; {one.hidden:,} hidden"
        found.append(f"  {row.system:<{width}}  {listed}")
    return found
