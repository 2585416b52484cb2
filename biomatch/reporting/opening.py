"""How the report of the main job opens: the three answers, and the lists of overstays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from biomatch.demo.answers import Answers
from biomatch.evaluation.overstays.counts import Overstays
from biomatch.reporting.decision.card import Claim
from biomatch.reporting.figures import Ratio, clean, words
from biomatch.reporting.tables import Table, Value


@dataclass(frozen=True)
class Opening:
    """What stands before everything else in a report.

    Attributes
    ----------
    sentences : tuple of str
        The answers, a sentence each.
    tables : tuple of Table
        They follow no slider.
    lists : tuple of (str, Overstays)
        Lists of overstays under each system, for the decision card.
    claims : tuple of Claim
        What was asked for and could not be shown.
    """

    sentences: tuple[str, ...]
    tables: tuple[Table, ...]
    lists: tuple[tuple[str, Overstays], ...] = ()
    claims: tuple[Claim, ...] = ()

    @classmethod
    def of(cls, answers: Answers, lines: Sequence[str]) -> Opening:
        """Make the opening of the main job from its answers and from what it prints."""
        names = tuple(f"{row.system} " for row in answers.overstays)
        told = (line.strip() for line in lines)
        kept = tuple(line for line in told if not line.startswith((*names, "overstays as of")))
        lists = tuple((_listed_by(row.system), row.counts) for row in answers.overstays)
        return cls(kept, (overstays_table(answers), frauds_table(answers)), lists, _not_shown(answers))

    def to_html(self) -> str:
        """Write the section; nothing in it is a script."""
        said = "".join(f"<p>{escape(clean(one))}</p>" for one in self.sentences)
        shown = "".join(
            f'<div class="table" id="t-{table.name}" data-still="{table.name}"><div class="scroll">'
            f'<table class="stacked">{table.to_html()}</table></div>'
            f'<button type="button" class="csv" data-csv="{table.name}" '
            f'aria-label="Download as CSV: {escape(clean(table.caption))}">CSV</button></div>'
            for table in self.tables
        )
        return (
            '<section id="answers" aria-labelledby="h-answers"><h2 id="h-answers">The three answers</h2>'
            "<p>Who is who, what is forged, who overstayed: as the demo prints it.</p>"
            f'<details class="fold" data-stands="tuned"><summary>The answers in full</summary>{said}{shown}'
            "</details></section>"
        )


def _not_shown(answers: Answers) -> tuple[Claim, ...]:
    asked = answers.identification
    if not asked.not_shown:
        return ()
    return (Claim(f"FPIR at most {asked.asked * 100:g}%, as asked", "not shown", asked.not_shown),)


def _listed_by(system: str) -> str:
    """Name a list on the card: what a board asks is whether faces were used."""
    return {"document-only": "Without faces", "today": "Today's practice", "default": "With faces"}.get(
        system, f"System {system}"
    )


def overstays_table(answers: Answers) -> Table:
    """Set the lists of overstays side by side."""
    causes = list(answers.overstays[0].counts.causes)
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            row.system,
            row.counts.leads,
            row.counts.true_leads,
            row.counts.false_leads,
            row.counts.hidden,
            Ratio.of(row.counts.precision),
            *(row.counts.causes[cause] for cause in causes),
        )
        for row in answers.overstays
    )
    return Table(
        "answers-overstays",
        f"Overstays as of {answers.overstays[-1].counts.as_of}: the list under each system",
        (
            "System",
            "Leads",
            "True",
            "False",
            "Hidden",
            "True, of leads",
            *(f"False: {one}" for one in causes),
        ),
        rows,
        "All from the same records of the grading world and at the same face threshold; document-only joins "
        "by documents alone, today lets a face contradict the document.",
    )


def frauds_table(answers: Answers) -> Table:
    """Show which frauds were caught where fraud is frequent, by kind of event."""
    rows: list[tuple[Value, ...]] = []
    rows += [(words(kind), caught, events, None) for kind, (caught, events) in answers.fraud.by_kind.items()]
    rows += [(words(kind), None, None, "not searched") for kind in answers.fraud.not_searched]
    return Table(
        "answers-fraud",
        "Frauds caught by any alert, on the world where fraud is frequent",
        ("Kind of event", "Caught", "Events", "Remark"),
        tuple(rows),
        answers.fraud.spending,
    )
