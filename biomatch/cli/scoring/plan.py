"""How many trials a claim needs: `biomatch plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from biomatch import checks
from biomatch.cli.console import Json, emit
from biomatch.cli.types import Confidence, checked
from biomatch.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("plan")(plan_)


def _limit(name: str, what: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(
        f"--max-{name}", callback=checked(checks.probability), help=f"The claim: {what} at most this."
    )
    return found


def plan_(
    *,
    max_fpir: Annotated[float | None, _limit("fpir", "FPIR")] = None,
    max_fmr: Annotated[float | None, _limit("fmr", "FMR")] = None,
    max_fnir: Annotated[float | None, _limit("fnir", "FNIR")] = None,
    max_fnmr: Annotated[float | None, _limit("fnmr", "FNMR")] = None,
    expected: Annotated[
        float,
        typer.Option(
            "--expected",
            "--expected-fpir",
            "--expected-fmr",
            "--expected-fnir",
            "--expected-fnmr",
            callback=checked(checks.share),
            help="The true rate hoped for; 0: count on no error.",
        ),
    ] = 0.0,
    per_subject: Annotated[
        float,
        typer.Option("--per-subject", callback=checked(checks.whole, least=1), help="Trials a subject."),
    ] = 1,
    correlation: Annotated[
        float,
        typer.Option(
            "--correlation", callback=checked(checks.share), help="Of two errors of one subject, 0 to 1."
        ),
    ] = 0.0,
    power: Annotated[
        float,
        typer.Option(
            "--power", callback=checked(checks.probability), help="Probability that the claim will be shown."
        ),
    ] = 0.8,
    confidence: Confidence = 0.95,
    as_json: Json = False,
) -> None:
    """Say how many searches or comparisons, and subjects, a claim needs, before anyone collects data."""
    from biomatch.tuning.plan import MEASURES, plan

    given = {"FPIR": max_fpir, "FMR": max_fmr, "FNIR": max_fnir, "FNMR": max_fnmr}
    asked = [(measure, limit) for measure, limit in given.items() if limit is not None]
    if len(asked) != 1:
        raise SettingsError(
            f"{len(asked)} claims", allowed="one of --max-fpir, --max-fmr, --max-fnir, --max-fnmr",
            remedy="plan for one rate at a time",
        )  # fmt: skip
    measure, limit = asked[0]
    found = plan(
        limit,
        expected_fpir=expected,
        per_subject=int(per_subject),
        correlation=correlation,
        power=power,
        confidence=confidence,
        measure=measure,
    )
    trials, errors = MEASURES[measure]
    kind = trials.split()[-1]
    allowed = "" if found.errors_allowed is None else f", with at most {found.errors_allowed:,} {errors}"
    emit(
        as_json,
        found.to_json(),
        [
            f"{measure} <= {limit:g} with {confidence:.0%} confidence needs {found.searches:,} {trials} "
            f"by {found.subjects:,} subjects{allowed}",
            f"  expected rate {expected:g}: about {found.expected_errors:.1f} {errors}, shown "
            f"with probability {power:g} or more; design effect {found.design_effect:.2f}",
            f"  independent {kind} if this many {errors} are seen: "
            + ", ".join(f"{number}: {n:,}" for number, n in found.if_errors.items()),
        ],
    )
