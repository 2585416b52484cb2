"""The main job in one command: the three questions of the mission, asked of one world, graded on another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, Set, emit, note, plain, progress

MOST_SEED = 2**32 - 4
"""The last tuning seed of which the next three are no reserved ones (`worlds.FIRST_RESERVED_SEED`)."""
MAX_FPIR = 1e-3
MAX_STOPS_PER_MILLION = 1_000.0


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for operating point, result and report.")],
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, max=MOST_SEED, help="Tuning world; the next three are taken too."),
    ] = 1,
    scenario: Annotated[str, typer.Option("--scenario", help="A built-in scenario or a file.")] = "airport",
    system: Annotated[str, typer.Option("--system", help="A built-in system or a file.")] = "default",
    max_fpir: Annotated[
        float, typer.Option("--max-fpir", min=0.0, max=1.0, help="Identification: FPIR at most this.")
    ] = MAX_FPIR,
    max_stops: Annotated[
        float,
        typer.Option("--max-stops-per-million", min=0.0, max=1e6, help="Fraud: honest stops of a million."),
    ] = MAX_STOPS_PER_MILLION,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Identify, detect fraud and confirm overstays on synthetic worlds: tune, grade, report."""
    import time

    from biomatch.demo.said import lines
    from biomatch.demo.work import demo as work
    from biomatch.reporting.opening import Opening
    from biomatch.reporting.report import report
    from biomatch.settings.base import parse_changes
    from biomatch.settings.scenario import Scenario
    from biomatch.settings.system import System
    from biomatch.tables import storage

    started = time.monotonic()
    storage.free_place(out, "demo")
    asked = Scenario.load(scenario).with_(parse_changes(changes or []), where="--set")
    under_test = System.load(system)
    given = {"--seed": seed, "--scenario": scenario, "--system": system, "--max-fpir": f"{max_fpir:g}",
             "--max-stops-per-million": f"{max_stops:g}"}  # fmt: skip
    words = [f"{name} {value}" for name, value in given.items()]
    command = " ".join(
        ["biomatch demo", f"--out {out.name}", *words, *(f"--set {one}" for one in changes or [])]
    )

    def step(text: str) -> None:
        note(f"[{time.monotonic() - started:5.1f} s] {text}")

    with progress() as update:
        answers = work(
            asked,
            under_test,
            seed=seed,
            max_fpir=max_fpir,
            max_stops_per_million=max_stops,
            step=step,
            progress=update,
        )
    step("writing the report")
    said = lines(answers)
    result = answers.result.with_about(command=command)
    with storage.new_folder(out, "demo", {"command": command}) as folder:
        answers.point.write(folder / "point.json")
        text = json.dumps(plain(answers.to_json()), indent=1, sort_keys=True, allow_nan=False)
        storage.write_text(folder / "answers.json", text + "\n")
        result.write(folder / "result")
        report([result], folder / "report.html", opening=Opening.of(answers, said))
    paths = {"report": out / "report.html", "point": out / "point.json", "result": out / "result"}
    emit(
        as_json,
        {**paths, **answers.to_json(), "seconds": round(time.monotonic() - started, 1)},
        [*said, f"report: {(out / 'report.html').absolute()}"],
    )
