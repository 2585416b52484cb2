"""What a suite's counts say about the list of overstays, in a sentence for each world and system.

No figure is typed in: each sentence is made of pooled counts by one rule. "Fewer" and "more" are said where
Newcombe's 95% interval of the difference lies on one side of zero, else that no difference is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from biomatch.studies.compare import Interval, difference, wilson
from biomatch.studies.rows import Row
from biomatch.studies.study import Suite

Counts = dict[str, int]
COUNTED = ("false_leads", "true_departures", "hidden", "true_in_country")


def answers(suite: Suite, rows: Sequence[Row]) -> list[str]:
    """Write the sentences of a suite that names a baseline: a list item each; none for other suites.

    Parameters
    ----------
    suite : Suite
        Its worlds and systems say in `about` what they are.
    rows : sequence of Row
        Finished runs; those under a control are left out, and seeds are pooled.
    """
    if not suite.baseline:
        return []
    pooled = _pooled(rows)
    lines = []
    for world, cell in suite.worlds.items():
        for system, asked in suite.systems.items():
            counts = pooled.get((world, system))
            if counts is None:
                continue
            subject = f"**{_capital(cell.about or world)}**, {asked.about or system}"
            before = pooled.get((suite.baseline, system)) if world != suite.baseline else None
            name = suite.worlds[suite.baseline].about or suite.baseline
            lines.append(f"- {subject}: {sentence(counts, before, name)}")
    return lines


def sentence(counts: Counts, before: Counts | None, baseline: str) -> str:
    """Say what became of the list, and how that differs from a baseline with the same system."""
    leads = (counts["false_leads"], counts["true_departures"])
    hidden = (counts["hidden"], counts["true_in_country"])
    said = f"of {leads[1]:,} travellers who left, {_number(leads[0])} listed in error{_interval(leads)}"
    stayed = f"of {hidden[1]:,} who stayed, {_number(hidden[0])} not listed"
    if before is None:
        return f"{said}; {stayed}."
    earlier = (before["false_leads"], before["true_departures"])
    missed = (before["hidden"], before["true_in_country"])
    return f"{said}, {_against(earlier, leads, baseline)}; {stayed}, {_against(missed, hidden, baseline)}."


def _against(one: tuple[int, int], other: tuple[int, int], baseline: str) -> str:
    if not one[1] or not other[1]:
        return f"against {one[0]:,} {baseline} (no trials to compare)"
    found: Interval = difference(one, other)
    low, high = (f"{100 * abs(bound):.2f}" for bound in sorted((found.low, found.high), key=abs))
    if found.high < 0:
        verdict = f"fewer by {low} to {high} percentage points"
    elif found.low > 0:
        verdict = f"more by {low} to {high} percentage points"
    else:
        verdict = "no difference shown"
    return f"against {one[0]:,} {baseline} ({verdict})"


def _interval(counts: tuple[int, int]) -> str:
    if not counts[1]:
        return ""
    low, high = wilson(*counts, 0.95)
    low = 0.0 if counts[0] == 0 else low
    return f" ({100 * low:.2f}% to {100 * high:.2f}%)"


def _pooled(rows: Sequence[Row]) -> dict[tuple[str, str], Counts]:
    found: dict[tuple[str, str], Counts] = {}
    for row in rows:
        if row.cell["control"] == "none":
            mine = found.setdefault((row.cell["world"], row.cell["system"]), dict.fromkeys(COUNTED, 0))
            for name in COUNTED:
                mine[name] += int(row.counts.get(name, 0))
    return found


def _number(count: int) -> str:
    return f"{count:,} {'is' if count == 1 else 'are'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
