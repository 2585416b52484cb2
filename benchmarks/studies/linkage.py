"""Linkage methods against each other, on the same worlds and the same weighed edges.

    python benchmarks/studies/linkage.py [--seeds 10] [--out benchmarks/results/linkage.md]

Document-only, greedy by score, mutual best link and the optimum, as of the restatement of scenario `country`:
precision and recall of links, false leads, hidden overstays, and the objective, which no method may raise
above the optimum's. A lead is a stay that the rules suspect, whatever its posterior (which sums over
assignments and is the same for all three).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch.evaluation.overstays.counts import count_overstays, judge_stays
from biomatch.overstay.linkage.link import Linked
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.stays import StayBook
from biomatch.tables.observed import Observed
from biomatch.training.posterior import FACE_THRESHOLD, worlds
from biomatch.truth import Truth

METHODS = ("document", "greedy", "mutual", "optimum")
TRAVELLERS, FIRST_SEED = 30_000, 2001
_CHANGES = {
    "records.missed_exits": 0.03,
    "records.missed_unrecorded": 0.1,
    "records.missed_other_document": 0.6,
    "records.missed_keying": 0.2,
    "records.missed_late": 0.1,
    "documents.second_passports": 0.15,
}
REGIMES: dict[str, dict[str, Any]] = {
    "as published": {},
    "many document changes": _CHANGES,
    "crowded: more of them, few faces, many slips": _CHANGES
    | {
        "records.missed_exits": 0.08,
        "documents.second_passports": 0.4,
        "captures.exit_coverage": {"air": 0.1, "sea": 0.1, "land": 0.05},
        "records.name_errors": 0.3,
        "records.birth_date_errors": 0.15,
    },
}
"""Changes to the scenario; the second and third are stress, not estimates of any border."""


def counts(
    linked: Linked, stays: pl.DataFrame, observed: Observed, truth: Truth, point: OperatingPoint
) -> dict[str, float]:
    """Count links and leads of one method in one world."""
    received = observed.encounters.select(true_exit="encounter_id", received="recorded_at")
    day = date.fromisoformat(str(observed.about["last_day"]))
    true = (
        truth.stays.select("entry_id", true_exit="exit_id")
        .join(received, on="true_exit", how="left")
        .with_columns(on_record=(pl.col("received").dt.date() <= day).fill_null(value=False))
    )
    rows = linked.stays.select("entry_id", "exit_id", "how_linked").join(true, on="entry_id")
    to_exit = pl.col("exit_id") >= 0
    right = to_exit & (pl.col("exit_id") == pl.col("true_exit"))
    by_search = to_exit & pl.col("how_linked").is_in(["face", "name"])
    found = rows.select(
        links=to_exit.sum(),
        right=right.sum(),
        on_record=pl.col("on_record").sum(),
        searched=by_search.sum(),
        searched_right=(by_search & right).sum(),
    ).row(0, named=True)
    everyone = point.with_({"lead_posterior": 0.0})
    listed = count_overstays(judge_stays(stays, observed, truth, everyone))[-1]
    gone = listed.false_leads - listed.causes["extension unknown"]
    return {
        **{name: float(value) for name, value in found.items()},
        "precision": found["right"] / found["links"],
        "recall": found["right"] / found["on_record"],
        "searched_precision": _share(found["searched_right"], found["searched"]),
        "false_leads": 1000.0 * gone / listed.true_departures,
        "hidden": float(listed.hidden),
        "overstays": float(listed.true_in_country),
        "leads": float(listed.leads),
        "lead_precision": listed.true_leads / max(listed.leads, 1),
        "objective": linked.objective,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def number(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def collect(regime: str, seed: int) -> list[dict[str, Any]]:
    """Run the four methods on one world."""
    found = []
    for observed, truth in worlds([seed], travellers=TRAVELLERS, **REGIMES[regime]):
        day = date.fromisoformat(str(observed.about["last_day"]))
        first = OperatingPoint.of(FACE_THRESHOLD, System.load("linked"))
        book = StayBook(observed, None, day, first)
        for method in METHODS:
            system = System.load("linked").with_({"linkage.method": method})
            point = OperatingPoint.of(FACE_THRESHOLD, system)
            linked = book.linked(point)
            row = counts(linked, book.listed(linked), observed, truth, point)
            residual = {
                "entries": float(len(book.links.residual_entries)),
                "exits": float(len(book.links.residual_exits)),
                "edges": float((linked.edges["log_odds"] > 0).sum()),
            }
            found.append({"regime": regime, "seed": seed, "method": method, **row, **residual})
    return found


def interval(values: Sequence[float], digits: int) -> str:
    """Mean of paired differences with its 95 % interval (Student)."""
    from scipy.stats import t

    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2 or np.isnan(x).any():
        return "-"
    half = t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return f"{x.mean():+.{digits}f} ({x.mean() - half:+.{digits}f} to {x.mean() + half:+.{digits}f})"


SHOWN = (
    ("precision", "precision of links", 5),
    ("recall", "recall of links", 5),
    ("searched_precision", "precision of searched links", 4),
    ("false_leads", "false leads per 1,000 true departures", 3),
    ("hidden", "hidden overstays", 2),
    ("lead_precision", "precision of leads", 4),
)


def report(table: pl.DataFrame) -> list[str]:
    seeds = table["seed"].n_unique()
    lines = [
        "# Linkage methods against each other",
        "",
        f"`python benchmarks/studies/linkage.py --seeds {seeds}`: scenario `country`, {TRAVELLERS:,} "
        f"travellers, face profile `visa-border-small`, seeds {table['seed'].min()} to "
        f"{table['seed'].max()}, as of the restatement. A lead is a stay that the rules suspect, whatever "
        "its posterior. Links: a stay and an exit's record. Recall: of stays whose exit's record had been "
        "received. Searched links: those "
        "that documents alone do not give.",
        "",
    ]
    for regime in table["regime"].unique(maintain_order=True):
        part = table.filter(pl.col("regime") == regime)
        any_ = part.filter(pl.col("method") == "optimum")
        lines += [
            f"## {regime}",
            "",
            f"Mean over worlds: {any_['exits'].mean():.0f} residual exits, {any_['entries'].mean():.0f} "
            f"residual entries, {any_['edges'].mean():.0f} edges with log odds above 0, "
            f"{any_['overstays'].mean():.0f} true overstays.",
            "",
            "| method | " + " | ".join(label for _, label, _ in SHOWN) + " | searched links | objective |",
            "|---|" + "---|" * (len(SHOWN) + 2),
        ]
        for method in METHODS:
            rows = part.filter(pl.col("method") == method)
            cells = [number(rows[name].mean(), digits) for name, _, digits in SHOWN]
            lines.append(
                f"| {method} | " + " | ".join(cells)
                + f" | {rows['searched'].mean():.1f} | {rows['objective'].mean():.2f} |"
            )  # fmt: skip
        lines += [
            "",
            "The optimum less each other method, paired over worlds, mean and 95 % interval:",
            "",
            "| against | "
            + " | ".join(label for _, label, _ in SHOWN)
            + " | worlds where the objective differs |",
            "|---|" + "---|" * (len(SHOWN) + 1),
        ]
        best = any_.sort("seed")
        for method in METHODS[:-1]:
            rows = part.filter(pl.col("method") == method).sort("seed")
            cells = [interval((best[name] - rows[name]).to_list(), digits) for name, _, digits in SHOWN]
            changed = int(((best["objective"] - rows["objective"]).abs() > 1e-9).sum())
            lines.append(f"| {method} | " + " | ".join(cells) + f" | {changed} of {len(rows)} |")
        lines += ["", *_verdicts(part), ""]
    worse = _worse(table)
    lines.append(
        f"The optimum's objective is never below another method's: {'true' if not worse else 'FALSE'} in "
        f"{seeds * len(REGIMES) * (len(METHODS) - 1)} comparisons (greatest shortfall {worse:.2g})."
    )
    return lines


def _verdicts(part: pl.DataFrame) -> list[str]:
    """Say in words where the optimum is better in outcome, and where it is not."""
    from scipy.stats import t

    best = part.filter(pl.col("method") == "optimum").sort("seed")
    said = []
    for method in METHODS[:-1]:
        rows = part.filter(pl.col("method") == method).sort("seed")
        better, worse, level = [], [], []
        for name, label, _ in SHOWN[:5]:
            gain = (best[name] - rows[name]).to_numpy()
            gain = -gain if name in ("false_leads", "hidden") else gain
            if len(gain) < 2 or np.isnan(gain).any():
                continue
            half = t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
            (better if gain.mean() > half else worse if gain.mean() < -half else level).append(label)
        parts = [
            f"{word} in {', '.join(found)}"
            for word, found in (("better", better), ("worse", worse), ("no different", level))
            if found
        ]
        said.append(f"- against {method}: {'; '.join(parts)}.")
    return said


def _worse(table: pl.DataFrame) -> float:
    """Greatest amount by which another method's objective is above the optimum's; 0: never."""
    best = table.filter(pl.col("method") == "optimum").select("regime", "seed", best="objective")
    gap = table.join(best, on=["regime", "seed"]).select(pl.col("objective") - pl.col("best")).to_series()
    top = float(gap.max())  # type: ignore[arg-type]  # Float64 column
    return top if top > 1e-6 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "linkage.md")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    begin = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for regime in REGIMES:
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
            rows += collect(regime, seed)
            print(f"{regime}: {seed}", flush=True)
    lines = report(pl.DataFrame(rows))
    lines += ["", f"Took {time.perf_counter() - begin:.0f} s on one of two cores, both busy."]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
