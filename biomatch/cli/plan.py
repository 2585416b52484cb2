"""How many searches a claim needs: `biomatch plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from biomatch.cli.console import Json, emit


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("plan")(plan_)


def plan_(
    max_fpir: Annotated[float, typer.Option("--max-fpir", help="The claim: FPIR at most this.")],
    expected_fpir: Annotated[
        float, typer.Option("--expected-fpir", help="The true rate hoped for; 0: count on no error.")
    ] = 0.0,
    per_subject: Annotated[int, typer.Option("--per-subject", help="Searches a subject.")] = 1,
    correlation: Annotated[
        float, typer.Option("--correlation", help="Of two errors of one subject, 0 to 1.")
    ] = 0.0,
    power: Annotated[float, typer.Option("--power", help="Probability that the claim will be shown.")] = 0.8,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the claim, one-sided.")] = 0.95,
    as_json: Json = False,
) -> None:
    """Say how many searches and subjects a claim needs, before anyone collects data."""
    from biomatch.tuning.plan import plan

    found = plan(
        max_fpir,
        expected_fpir=expected_fpir,
        per_subject=per_subject,
        correlation=correlation,
        power=power,
        confidence=confidence,
    )
    allowed = (
        "" if found.errors_allowed is None else f", with at most {found.errors_allowed:,} false positives"
    )
    emit(
        as_json,
        found.to_json(),
        [
            f"FPIR <= {max_fpir:g} with {confidence:.0%} confidence needs {found.searches:,} non-mated "
            f"searches by {found.subjects:,} subjects{allowed}",
            f"  expected rate {expected_fpir:g}: about {found.expected_errors:.1f} false positives, shown "
            f"with probability {power:g} or more; design effect {found.design_effect:.2f}",
            "  independent searches if this many false positives are seen: "
            + ", ".join(f"{errors}: {n:,}" for errors, n in found.if_errors.items()),
        ],
    )
