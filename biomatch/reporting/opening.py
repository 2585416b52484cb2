"""How the report of the main job opens: the three answers, and the lists of overstays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from biomatch.demo.answers import Answers
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
    """

    sentences: tuple[str, ...]
    tables: tuple[Table, ...]

    @classmethod
    def of(cls, answers: Answers, lines: Sequence[str]) -> Opening:
        """Make the opening of the main job from its answers and from what it prints."""
        names = tuple(f"{row.system} " for row in answers.overstays)
        told = (line.strip() for line in lines)
        kept = tuple(line for line in told if not line.startswith((*names, "overstays as of")))
        return cls(kept, (overstays_table(answers), frauds_table(answers)))

    def to_html(self) -> str:
        """Write the section; nothing in it is a script."""
        said = "".join(f"<p>{escape(clean(one))}</p>" for one in self.sentences)
        shown = "".join(
            f'<div class="scroll"><table class="stacked">{table.to_html()}</table></div>'
            for table in self.tables
        )
        return (
            '<section id="answers" aria-labelledby="h-answers"><h2 id="h-answers">The three answers</h2>'
            f"{said}{shown}</section>"
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
