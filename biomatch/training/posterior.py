"""Fits the line that P(departed) of overdue stays is moved by: ``python -m biomatch.training.posterior``.

The posterior is learnt from each border's own records and needs no truth; what labelled worlds of reserved
seeds can still say is whether its log odds are too sure, or shifted. Worlds come from reserved seeds, nothing
is drawn, so everybody gets the same bytes from the same versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch.cards import Step
from biomatch.evaluation.overstays.counts import judge_stays
from biomatch.evaluation.probability_calibration import log_loss
from biomatch.evidence.recalibrate import SHIPPED, Recalibration
from biomatch.paths import models_dir
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.stays import stays_at
from biomatch.tables.observed import Observed
from biomatch.truth import Truth
from biomatch.worlds import FIRST_RESERVED_SEED

TRAIN = {
    60_000: tuple(FIRST_RESERVED_SEED + n for n in range(301, 321)),
    150_000: tuple(FIRST_RESERVED_SEED + n for n in range(321, 326)),
}
"""Seeds by number of travellers: on a larger border rates are known better, and the line must serve both."""
TRAIN_SEEDS = tuple(seed for seeds in TRAIN.values() for seed in seeds)
CHECK_SEEDS = tuple(FIRST_RESERVED_SEED + n for n in range(401, 404))
"""Worlds (of 60,000) that the card's figures are measured on."""
SCENARIO, TRAVELLERS, PROFILE = "country", 60_000, "visa-border-small"
FACE_THRESHOLD = 0.468
"""Where the face check breaks a pair: FMR 2e-5, which `visa-border-leader` has at 0.35."""


def worlds(
    seeds: Sequence[int], scenario: str = SCENARIO, **changes: Any
) -> Iterator[tuple[Observed, Truth]]:
    """Make the worlds of some seeds, one after the other."""
    from biomatch_synthetic.world import make

    settings = {"travellers": TRAVELLERS, "faces.profile": PROFILE, **changes}
    for seed in seeds:
        observed, truth = make(Scenario.load(scenario).with_(settings), seed)
        yield observed, truth


def dates_of(truth: Truth, observed: Observed) -> tuple[date, date]:
    """Give the snapshot at the end of the period, and the day of the restatement."""
    last = date.fromisoformat(str(observed.about["last_day"]))
    return last - timedelta(days=int(truth.scenario["restatement_days"])), last


def judged(
    observed: Observed,
    truth: Truth,
    as_of: date,
    *,
    method: str = "optimum",
    recalibration: Recalibration | None = None,
) -> pl.DataFrame:
    """List the stays of a world with what was true of each.

    Parameters
    ----------
    observed, truth
        The world's two sides.
    as_of : datetime.date
        Date of the list.
    method : str
        ``linkage.method``.
    recalibration : Recalibration, optional
        Default: the shipped one.

    Returns
    -------
    polars.DataFrame
        Columns of `judge_stays`, p_departed, and suspected: no confirmed exit, past the last lawful day.
    """
    point = OperatingPoint.of(FACE_THRESHOLD, System.load("linked").with_({"linkage.method": method}))
    stays = stays_at(observed, as_of, point, recalibration)
    return (
        judge_stays(stays, observed, truth, point)
        .join(stays.select("entry_id", "p_departed"), on="entry_id", how="left")
        .with_columns(suspected=pl.col("status") == "suspected_in_country_overstay")
    )


def gather(
    seeds: Sequence[int], progress: Step, travellers: int = TRAVELLERS
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Give P(departed), not moved, and who had left, of the suspects of all worlds at both dates."""
    probability, left = [], []
    for observed, truth in worlds(seeds, travellers=travellers):
        for day in dates_of(truth, observed):
            found = judged(observed, truth, day, recalibration=Recalibration()).filter("suspected")
            probability.append(found["p_departed"].to_numpy())
            left.append(found["truly_departed"].to_numpy())
        progress(f"world {truth.seed}: {len(left[-1]):,} stays on the second list")
    return np.concatenate(probability), np.concatenate(left)


def train(folder: Path | None = None, progress: Step = lambda text: None) -> Recalibration:
    """Fit, write ``posterior.json`` and its card ``posterior.md``, and give the line."""
    found = [gather(seeds, progress, travellers) for travellers, seeds in TRAIN.items()]
    p, left = (np.concatenate(part) for part in zip(*found, strict=True))
    fitted = Recalibration.fit(p, left, TRAIN_SEEDS)
    # Six digits are more than the sample holds, and the same on every machine.
    line = Recalibration(round(fitted.slope, 6), round(fitted.intercept, 6), TRAIN_SEEDS)
    place = folder or models_dir()
    text = json.dumps(line.to_json() | {"about": _about(len(p))}, indent=1, sort_keys=True) + "\n"
    (place / SHIPPED).write_text(text, encoding="utf-8")
    check = gather(CHECK_SEEDS, progress)
    (place / "posterior.md").write_text(_card(line, p, left, *check), encoding="utf-8")
    return line


def _about(cases: int) -> dict[str, Any]:
    return {
        "cases": cases,
        "scenario": SCENARIO,
        "travellers": sorted(TRAIN),
        "profile": PROFILE,
        "made by": "python -m biomatch.training.posterior",
    }


def _card(line: Recalibration, p: Any, left: Any, checked: Any, left_checked: Any) -> str:
    rows = []
    for name, x, y in (("training", p, left), ("check", checked, left_checked)):
        again = Recalibration.fit(x, y)
        rows.append(
            f"| {name} | {len(y):,} | {y.mean():.3f} | {again.slope:.3f} | {again.intercept:+.3f} | "
            f"{log_loss(np.full(len(y), y.mean()), y):.4f} | {log_loss(x, y):.4f} | "
            f"{log_loss(line.apply(x), y):.4f} |"
        )
    lines = [
        f"# Line of the stays' posterior (`{SHIPPED}`)",
        "",
        "**Gives** slope and intercept by which the log odds of P(departed) are moved, for stays that are "
        "overdue and have no record of an exit.",
        f"**Data.** Worlds of scenario `{SCENARIO}`, reserved seeds {TRAIN_SEEDS[0]} to {TRAIN_SEEDS[-1]}, "
        + " and ".join(f"{len(seeds)} of {size:,} travellers" for size, seeds in TRAIN.items())
        + ", lists at the snapshot and at the restatement; checked on seeds "
        f"{CHECK_SEEDS[0]} to {CHECK_SEEDS[-1]}. No user's world may have such a seed.",
        "**Limits.** Synthetic borders of one scenario. A slope near 1 and an intercept near 0 say that the "
        "posterior, which is learnt from each border's own records, needed hardly any help there; of other "
        "borders they say nothing (benchmarks/results/posterior.md).",
        "",
        f"`logit p' = {line.intercept:+.6f} + {line.slope:.6f} logit p`",
        "",
        "| Worlds | stays | departed | slope | intercept | log loss of the base rate | before | after |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "Slope and intercept in the table: of the posterior before it is moved; 1 and 0 are calibrated.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    train(progress=lambda text: print(text, file=sys.stderr, flush=True))
