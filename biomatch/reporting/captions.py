"""What each chart shows and how to read it: the same words in the page, in the brief and in the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

BAR = "the threshold in the bar"
TUNED = "the tuned threshold"
STILL = "It does not follow the slider."


@dataclass(frozen=True, slots=True)
class Caption:
    """The two sentences below a chart.

    Attributes
    ----------
    shows, reads : str
        What it shows; how to read it. ``{at}`` stands for the threshold that it is drawn at.
    follows : bool
        Whether it moves with the slider, or (False) has to say that it does not.
    """

    shows: str
    reads: str
    follows: bool = True

    def to_html(self, *, shown: str = "", at: str = BAR) -> str:
        """Write both; `shown` is added to the first, `at` names the threshold that it is drawn at."""
        still = f" {STILL}" if at == BAR and not self.follows else ""
        first, second = (escape(text.replace("{at}", at), quote=False) for text in (self.shows, self.reads))
        return f"<b>What it shows.</b> {first}{shown} <b>How to read it.</b> {second}{still}"


CAPTIONS = {
    "det": Caption(
        "Misses (FNIR) against false positives (FPIR), both logarithmic, with the 95% interval of FNIR.",
        "Nearer to the lower left is better. The diamond is {at}. A rate of zero cannot stand on such an "
        "axis: the curve ends there, and a mark without errors is put at the edge.",
    ),
    "threshold": Caption(
        "Both rates by threshold, with 95% intervals, where at least one error was counted.",
        "To the right fewer strangers are accepted and more travellers are missed. The dashed line is {at}.",
    ),
    "growth": Caption(
        "FPIR at the tuned threshold against the number of references.",
        "Diamonds were measured on shares of the tested gallery; lines carry them to larger ones; the band "
        "is the 95% interval of the method that the tuning rests on. A dashed line marks the operational "
        "gallery, where one was named.",
        follows=False,
    ),
    "causes": Caption(
        "Misses by cause at {at}.",
        "The longer a bar, the more travellers it explains. Only misses lost by the score answer to a lower "
        "threshold.",
    ),
    "costs": Caption(
        "Expected cost of a day by threshold, with its 95% interval, at the prices of this report.",
        "The diamond marks the cheapest threshold of the graded world (picked there, so it is no "
        "recommendation); the dashed line is {at}.",
    ),
    "waits-front": Caption(
        "Mean wait by threshold, for the same travellers and the same draws.",
        "The band is what the intervals of the error rates give when they are carried through the queue. "
        "Where there is more work than staff the curve breaks off.",
        follows=False,
    ),
    "waits-parts": Caption(
        "Minutes of an average traveller by where they are spent, at the tuned threshold.",
        "The parts of a bar add up to the whole visit; the longest part is where staff or gates would help "
        "most.",
        follows=False,
    ),
    "waits-lanes": Caption(
        "Share of waits over each limit, by lane; those whom a gate refused stand once more on their own.",
        "The further to the right, the more travellers wait longer than that limit.",
        follows=False,
    ),
    "waits-day": Caption(
        "Traffic, waits and open desks through the day, at the tuned threshold.",
        "Bars: travellers an hour (right axis). Lines: mean and longest wait in minutes, and open desks "
        "(left axis).",
        follows=False,
    ),
    "waits-trade": Caption(
        "Mean wait against staff hours, with desks at 0.9, 1, 1.1 and 1.25 times the roster.",
        "Where the line falls steeply, more staff shorten the wait; where it is flat, they do not. Points "
        "with more work than staff are left out.",
        follows=False,
    ),
    "leads": Caption(
        "Leads and hidden overstays by threshold, on a logarithmic axis with a place for zero.",
        "The dashed line is {at}. Lines are drawn between the thresholds at which all stays were linked "
        "again.",
    ),
    "alerts": Caption(
        "Rates of alerts by kind, with 95% intervals, at the alerts' own thresholds.",
        "Further to the right is better, for each of them; the longer the line, the fewer the cases.",
        follows=False,
    ),
    "alerts-front": Caption(
        "The most fraud that can be caught for the honest travellers stopped, all kinds together, on the "
        "tuning worlds.",
        "Each step to the right stops more honest travellers for the fraud that it adds. The diamond is what "
        "was chosen.",
        follows=False,
    ),
    "adversary": Caption(
        "The share of impostors caught by their face against the photo of the passport that they show, "
        "against the number of passports that they pick the best from.",
        "Marks were measured on the travellers and photos of this world, with 95% intervals; the dashed line "
        "is the face model's, which has no interval.",
        follows=False,
    ),
    "reliability": Caption(
        'Stated against realised log odds of "another person" or "a fraud", in bins of equally many such '
        "cases, with 95% intervals.",
        "On the dashed line a ratio says what it is worth; a bar without a mark had no case of the other "
        "sort, and one end of it is open.",
        follows=False,
    ),
    "explained-caught": Caption(
        "The caught fraud with the highest fused ratio: from the log-odds of fraud before any evidence to "
        "those after all of it.",
        "Evidence to the right speaks for fraud, to the left against it.",
        follows=False,
    ),
    "explained-false": Caption(
        "The same of the false alert with the highest fused ratio.",
        "What stands furthest to the right is what misled the system.",
        follows=False,
    ),
    "groups-fnir": Caption(
        "FNIR of each part, with its 95% interval, at {at}.",
        "The longer the line, the fewer were searched; lines that do not overlap point at a difference.",
    ),
    "groups-fpir": Caption(
        "FPIR of each part, with its 95% interval, at {at}.",
        "The longer the line, the fewer were searched; a dot at zero is no error among few.",
    ),
}
"""By the chart's name (`biomatch.reporting.assembly.BINDINGS`)."""
