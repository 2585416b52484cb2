"""``biomatch review``: the list of overstays of a result, worked through by people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, Set, emit
from biomatch.errors import ResultsError


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(review)


def review(
    result: Annotated[Path, typer.Argument(help="A result of `evaluate`.")],
    settings: Annotated[
        Path | None, typer.Option("--review", help="TOML: reviews a day, days, order, errors.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Every lead's review.")
    ] = None,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Have a result's list of overstays reviewed by people with errors and so many reviews a day.

    Settings: reviews_a_day, days, order (posterior, days_over, severity, newest), false_closure,
    false_confirmation, found_elsewhere, seed. Default: those that the result was judged with.
    """
    from biomatch.evaluation.overstays.review import PARTS
    from biomatch.evaluation.overstays.review_orders import review as review_list
    from biomatch.evaluation.overstays.review_orders import review_orders
    from biomatch.evaluation.result import Result
    from biomatch.files import csv_text
    from biomatch.settings.base import parse_changes
    from biomatch.settings.review import ReviewSettings
    from biomatch.tables.storage import write_text

    read = Result.read(result)
    base = read.review_settings if settings is None else ReviewSettings.read(settings)
    asked = base.with_(parse_changes(changes or []), where="--set")
    found = review_list(read, asked)
    if found is None:
        raise ResultsError(f"{result} lists no stays", remedy="give a result of `evaluate` on a run")
    orders = {
        one.order: {
            f"{part:g}": dict(zip(("true", "all"), one.after(round(part * one.leads)), strict=True))
            for part in PARTS
        }
        for one in review_orders(read, asked)
    }
    lines = [
        f"{found.leads:,} leads as of {found.as_of}, {found.true_leads:,} of them overstays; "
        f"{found.reviews:,} looked at within {asked.days:,} days, {found.waiting:,} still waiting",
        f"confirmed: true {found.precision}; {found.wrongly_confirmed:,} in error, "
        f"{found.confirmed_unseen:,} of them with nothing to show it",
        f"closed: {found.closed}; {found.wrongly_closed:,} of them overstays "
        "(published: 0.54 of the United States' backlog of 2011)",
    ]
    if found.reviews_per_overstay is not None:
        lines.append(f"reviews for each overstay confirmed: {found.reviews_per_overstay:.3g}")
    if found.order != asked.order:
        lines.append(f"in order of {found.order}: the run's linkage gives no {asked.order}")
    lines += [
        f"overstays confirmed by {name.replace('_', ' ')}: "
        + ", ".join(f"{by['true']:,} after {float(part):.0%} of the list" for part, by in parts.items())
        for name, parts in orders.items()
    ]
    if out is not None:
        write_text(out, csv_text(found.frame()))
        lines.append(f"written: {out.absolute()}")
    emit(as_json, {**found.to_json(), "orders": orders, "out": out}, lines)
