"""The flow's commands: world, search, tune, run, evaluate, report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch.cli.console import Json, Set, emit, progress

Out = Annotated[Path, typer.Option("--out", help="Where to write.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(world)
    app.command()(search)
    app.command()(run)


def parse_day(text: str, option: str = "--on") -> date:
    """Read an ISO date, or say which form is meant."""
    from biomatch.cli.records.stays import read_day

    return read_day(text, option)


def world(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a TOML file.")],
    seed: Annotated[int, typer.Option("--seed", help="Root seed and lineage of the world.")],
    out: Out,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Make a synthetic border world."""
    from biomatch.settings.base import parse_changes
    from biomatch.settings.scenario import Scenario
    from biomatch.worlds import write_world

    settings = Scenario.load(scenario).with_(parse_changes(changes or []), where="--set")
    with progress() as update:
        made = write_world(settings, seed, out, update)
    counts = {
        "encounters": made.observed.encounters.height,
        "documents": made.observed.documents.height,
        "templates": len(made.observed.templates),
        "people": made.truth.people.height,
    }
    emit(
        as_json,
        {"world": out, "id": made.id, "seed": seed, **counts},
        [
            f"world {made.id}: {counts['people']:,} people, {counts['encounters']:,} encounters, "
            f"{counts['templates']:,} templates",
            f"written: {out.absolute()}",
        ],
    )


def search(
    world: Annotated[Path, typer.Argument(help="A world's folder; its truth/ is not read.")],
    out: Out,
    system: Annotated[str, typer.Option("--system", help="A built-in system or a TOML file.")] = "default",
    plan: Annotated[
        bool, typer.Option("--plan", help="Write only references and searches, for another matcher.")
    ] = False,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the search.")] = None,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Search a world's probes: candidate lists, no threshold."""
    from biomatch.settings.base import parse_changes
    from biomatch.settings.system import System
    from biomatch.system.plan import write_plan
    from biomatch.system.replay import search as search_world
    from biomatch.system.searches import counted_sizes
    from biomatch.tables import storage
    from biomatch.tables.candidates import KIND, question
    from biomatch.tables.galleries import search_of
    from biomatch.worlds import open_observed

    settings = System.load(system).with_(parse_changes(changes or []), where="--set")
    if plan:
        planned = write_plan(open_observed(world), settings, out)
        emit(
            as_json,
            {"plan": out, **planned},
            [
                f"{planned['searches']:,} searches of {planned['references']:,} references are planned",
                f"written: {out.absolute()}",
            ],
        )
        return
    storage.free_place(out, KIND)
    observed = open_observed(world)
    storage.free_place(out, KIND, question(observed.id, settings.model_dump(mode="json")))
    with progress() as update:
        lists = search_world(observed, settings, threads=threads, progress=update)
    lists.write(out)
    sizes = counted_sizes(lists)
    middle, least, most = sizes[settings.gallery.policy]
    emit(
        as_json,
        {
            "lists": out,
            "world_id": lists.world_id,
            "system": settings.name,
            "index": lists.about["index"],
            "searches": len(lists),
            "references": lists.references.height,
            "enrolled_count": {"median": middle, "least": least, "greatest": most},
            "galleries": {
                policy: {
                    "searches": lists.searches.filter(search_of() == policy).height,
                    "index": lists.about["indexes"][policy],
                    "enrolled_count": {"median": one[0], "least": one[1], "greatest": one[2]},
                }
                for policy, one in sizes.items()
            },
        },
        [
            *(
                f"{lists.searches.filter(search_of() == policy).height:,} searches under policy {policy} "
                f"({lists.about['indexes'][policy]} index), N = {one[0]:,} (median, counted searches)"
                for policy, one in sizes.items()
            ),
            f"written: {out.absolute()}",
        ],
    )


def run(
    world: Annotated[Path, typer.Argument(help="A world's folder; its truth/ is not read.")],
    point: Annotated[Path, typer.Option("--at", help="An operating point, from `tune`.")],
    out: Out,
    lists: Annotated[Path | None, typer.Option("--lists", help="Candidate lists of this world.")] = None,
    on: Annotated[
        list[str] | None, typer.Option("--on", help="List stays as of this day; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide, alert and list stays at an operating point."""
    from biomatch.policy import OperatingPoint
    from biomatch.system.run import KIND
    from biomatch.system.run import run as run_system
    from biomatch.tables import seals, storage
    from biomatch.tables.candidates import CandidateLists
    from biomatch.worlds import open_observed

    storage.free_place(out, KIND)
    days = [parse_day(text) for text in on or []]
    at = OperatingPoint.read(point)
    observed = open_observed(world)
    found = CandidateLists.read(lists, observed) if lists else None
    with progress() as update:
        done = run_system(observed, at=at, lists=found, on=days or None, progress=update)
    done.write(out)
    for text in done.warnings:
        seals.add_note(f"warning: {text}")  # said once, whoever else says it
    outcomes = dict(done.decisions.group_by("outcome").len().sort("outcome").iter_rows())
    # A list as of one date restates the same stays as one of another: they are never added up.
    by_date = {
        as_of.isoformat(): {
            "stays": part.height,
            "suspected_in_country_overstays": int((part["status"] == "suspected_in_country_overstay").sum()),
            "statuses": dict(part.group_by("status").len().sort("status").iter_rows()),
        }
        for (as_of,), part in done.stays.sort("as_of").group_by("as_of", maintain_order=True)
    }
    latest = by_date[max(by_date)] if by_date else {"stays": 0, "suspected_in_country_overstays": 0}
    emit(
        as_json,
        {
            "run": out,
            "world_id": done.world_id,
            "decisions": outcomes,
            # Of the last date; each date has its own below.
            "stays": latest["stays"],
            "suspected_in_country_overstays": latest["suspected_in_country_overstays"],
            "as_of": by_date,
            "alerts": done.alerts.height,
            "warnings": list(done.warnings),
        },
        [
            "decisions: " + ", ".join(f"{count:,} {name}" for name, count in outcomes.items()),
            *(_listed(as_of, counts) for as_of, counts in by_date.items()),
            f"written: {out.absolute()}",
        ],
    )


def _listed(as_of: str, counts: dict[str, Any]) -> str:
    leads = counts["suspected_in_country_overstays"]
    stays = counts["stays"]
    return (
        f"as of {as_of}: {stays:,} {'stay' if stays == 1 else 'stays'}, "
        f"{leads:,} suspected in-country {'overstay' if leads == 1 else 'overstays'}"
    )
