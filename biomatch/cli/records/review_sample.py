"""``biomatch review-sample``: clerical review of linked records, both ways."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit
from biomatch.errors import SettingsError


class Of(StrEnum):
    """What is reviewed."""

    links = "links"
    leads = "leads"


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("review-sample")(review_sample)


def review_sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `biomatch link` wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="The sample, or the moved table.")],
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="How many to look at.")] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="The sample, answered: yes, no, unsure."),
    ] = None,
    of: Annotated[Of, typer.Option("--of", help="Links (one person?) or leads (an overstay?).")] = Of.links,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw pairs for people to review, or read their answers back.

    With --pairs a sample is written, most of it where the probability is least sure. With --answers the same
    file, filled in, gives precision and recall with intervals, and a table with moved probabilities.
    """
    from biomatch.evaluation.own import review
    from biomatch.files import csv_text
    from biomatch.overstay.records.result import OwnLinks
    from biomatch.tables.storage import write_text

    if (pairs is None) == (answers is None):
        raise SettingsError("neither or both of --pairs and --answers", allowed="one of them")
    found = OwnLinks.read(folder)
    if pairs is not None:
        sample = review.draw(found, pairs, of.value, seed)
        write_text(out, csv_text(sample))
        strata = sample["stratum"].value_counts().sort("stratum")
        payload = {"of": of.value, "pairs": len(sample), "strata": dict(strata.rows()), "out": out}
        lines = [f"{count:>6,}  {name}" for name, count in strata.rows()]
        lines.append(f"written: {out.absolute()} (fill in the column answer: yes, no, unsure)")
        emit(as_json, payload, lines)
        return
    said = review.read_back(found, answers, of.value)
    lines = [f"{said.answered:,} answers, {said.unsure:,} unsure or empty"]
    lines += [f"right, of the {of.value} listed: {said.precision}"] if said.precision is not None else []
    lines += [f"listed, of those that are right: {said.recall}"] if said.recall is not None else []
    if said.recall_at_least is not None:
        count = found.facts["unlinked_exits"]
        lines.append(
            f"{count:,.0f} exits belong to no stay: were all of them missed links, "
            f"{said.recall_at_least:.3f} would be listed"
        )
    written = None
    if said.recalibration is not None:
        line = said.recalibration
        lines.append(f"log odds move by {line.intercept:+.3f} and times {line.slope:.3f}")
        write_text(out, csv_text(review.recalibrated(found, said)))
        written = out
        lines.append(f"written: {out.absolute()}")
    else:
        lines.append("too few answers of one kind to move probabilities: nothing was written")
    emit(as_json, {**said.to_json(), "out": written}, lines)
