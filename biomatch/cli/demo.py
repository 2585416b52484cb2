"""The main job in one command: two worlds, search, tune on one, grade on the other, report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from biomatch import decimals
from biomatch.cli.console import Json, Set, emit, note, progress
from biomatch.worlds import FIRST_RESERVED_SEED

MAX_FPIR = 1e-3  # NIST SP 800-63A-4, section 3.11: FPIR of 1:N searches at most 1 in 1,000


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for operating point, result and report.")],
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=FIRST_RESERVED_SEED - 2, help="Tuning world; grading: next.")
    ] = 1,
    scenario: Annotated[str, typer.Option("--scenario", help="A built-in scenario or a file.")] = "airport",
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Tune a threshold on one synthetic world, grade it on another, and write the report."""
    from biomatch.evaluation.judge import evaluate
    from biomatch.reporting.report import report
    from biomatch.settings.base import parse_changes
    from biomatch.settings.scenario import Scenario
    from biomatch.settings.system import System
    from biomatch.system.replay import search
    from biomatch.system.run import run
    from biomatch.tables import storage
    from biomatch.tuning import tune
    from biomatch.tuning.growth.curve import swept, with_growth
    from biomatch.worlds import world

    started = time.monotonic()
    storage.free_place(out, "demo")
    settings = Scenario.load(scenario).with_(parse_changes(changes or []))
    system = System.load("default")
    command = " ".join(
        ["biomatch demo", f"--out {out.name}", f"--seed {seed}", f"--scenario {scenario}"]
        + [f"--set {change}" for change in changes or []]
    )

    def step(text: str) -> None:
        note(f"[{time.monotonic() - started:5.1f} s] {text}")

    with progress() as update:
        step(f"making the tuning world (scenario {settings.name}, seed {seed})")
        tuning = world(settings, seed, update)
        step(f"searching it one-to-many ({tuning.observed.encounters.height:,} encounters)")
        lists = search(tuning.observed, system, progress=update)
        curve, thinned = swept(lists, tuning.truth)
        point = with_growth(tune(curve, max_fpir=MAX_FPIR, confidence=0.95), [thinned])
        at = decimals.text(point.face_threshold)
        step(f"tuned: threshold {at} for FPIR <= {MAX_FPIR:g} with 95% confidence")
        del tuning, lists, curve, thinned
        step(f"making the grading world (seed {seed + 1})")
        grading = world(settings, seed + 1, update)
        step("searching, deciding, linking")
        done = run(grading.observed, system, at=point, progress=update)
        step("judging")
        result = evaluate(done, grading.truth)
    object.__setattr__(result, "about", {**result.about, "command": command})
    step("writing the report")
    with storage.new_folder(out, "demo", {"command": command}) as folder:
        storage.write_text(
            folder / "point.json", json.dumps(point.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
        )
        result.write(folder / "result")
        report([result], folder / "report.html")
    seconds = time.monotonic() - started
    last = result.overstays[-1]
    emit(
        as_json,
        {
            "report": out / "report.html",
            "point": out / "point.json",
            "result": out / "result",
            "threshold": point.face_threshold,
            "fpir": result.fpir,
            "fnir": result.fnir,
            "overstays": last,
            "alerts": dict(result.alerts),
            "seconds": round(seconds, 1),
        },
        [
            f"threshold {at}, tuned on seed {seed}, graded on seed {seed + 1}",
            f"  FPIR {result.fpir}",
            f"  FNIR {result.fnir}",
            f"  overstay leads {last.leads:,}: {last.true_leads:,} true, {last.false_leads:,} false; "
            f"{last.hidden:,} hidden",
            f"report: {(out / 'report.html').absolute()}",
        ],
    )
