"""What fraud detection catches and at what price: the tables of ``benchmarks/results/fraud-*.md``.

    .venv/bin/python benchmarks/studies/fraud.py --seeds 10 --travellers 8000 --out benchmarks/results

Enriched worlds give catch rates, worlds without fraud give false stops; thresholds are tuned on worlds of
other seeds than those that are graded. Every table names its counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import fraud_tables as tables
from fraud_worlds import CONTROLS, graded, merged, scenario, threshold_at

from biomatch.fraud.basis import PIECES
from biomatch.settings.system import System
from biomatch.training import fusion as training

CALIBRATION = "## Calibration of the shipped models"
OTHER_PROFILE = "visa-border-50th"


def calibration_tables() -> str:
    """Judge the shipped models on reserved worlds of their own profile and of another."""
    own, other = "visa-border-leader (as trained)", []
    for seed in training.CHECK_SEEDS:
        from biomatch_synthetic.world import make

        observed, truth = make(training.enriched().with_({"faces.profile": OTHER_PROFILE}), seed)
        facts = training.facts_of(observed, System.load("all"))
        other.append(training.sample_of(facts, truth))
    checks = training.gather(training.CHECK_SEEDS, systems=["all"])
    return tables.calibrated({own: checks, OTHER_PROFILE: other})


def main() -> None:
    """Run everything and write the tables."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seeds", type=int, default=10)
    ask.add_argument("--travellers", type=int, default=8_000)
    ask.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    ask.add_argument("--calibration", action="store_true", help="renew the tables of calibration alone")
    given = ask.parse_args()
    if given.calibration:
        place = given.out / "fraud.md"
        before, _, _ = place.read_text(encoding="utf-8").partition(CALIBRATION)
        place.write_text(before + calibration_tables(), encoding="utf-8")
        return
    begun = time.time()

    def tell(text: str) -> None:
        sys.stderr.write(f"{time.time() - begun:7.0f} s  {text}\n")

    seeds = range(1, given.seeds + 1)
    names = list(CONTROLS)
    tuned_parts = [graded(scenario(given.travellers, 0.0), 2_000 + seed) for seed in range(4)]
    tuned = {name: merged([CONTROLS[name](one) for one in tuned_parts]) for name in names}
    no_identity = tuple(p for p in PIECES if p != "identity")
    tuned_sham = [
        merged([one.curve("sham_exit", pieces) for one in tuned_parts]) for pieces in (no_identity, PIECES)
    ]
    tuned_plain = merged([one.curve("sham_exit") for one in tuned_parts])
    del tuned_parts
    tell("tuning worlds done")
    rich, rich_curves, clean_curves, clean = [], [], [], []
    for seed in seeds:
        one = graded(scenario(given.travellers, 10_000.0), seed)
        rich.append(one)
        rich_curves.append({name: CONTROLS[name](one) for name in names})
        other = graded(scenario(given.travellers, 0.0), 1_000 + seed)
        clean_curves.append({name: CONTROLS[name](other) for name in names})
        clean.append(other)
        tell(f"seed {seed} done")
    clean_by = {name: merged([one[name] for one in clean_curves]) for name in names}
    rich_sham = [
        merged([one.curve("sham_exit", pieces).of("sham_exit", "swapped_exit") for one in rich])
        for pieces in (no_identity, PIECES)
    ]
    head = (
        "# Fraud: what is caught and at what price\n\n"
        f"`.venv/bin/python benchmarks/studies/fraud.py --seeds {given.seeds} "
        f"--travellers {given.travellers}`: scenario `airport`, policy `all`, {given.seeds} enriched worlds "
        f"(10,000 of each kind per million visits) and {given.seeds} without fraud, 4 further worlds for "
        "thresholds. Every count is of encounters or events of synthetic worlds; intervals take the "
        "encounters of one traveller, and events that share a person or a document, together.\n\n"
    )
    parts: list[str] = []

    def write() -> None:
        """Write what there is after every table, so that an interruption loses one at the most."""
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "fraud.md").write_text(head + "\n".join(parts), encoding="utf-8")

    fused = "everything, fused"
    at_thousand = threshold_at(tuned[fused], 1_000)
    parts += [
        tables.controls(rich_curves, clean_by, tuned),
        tables.by_kind(rich_curves, tuned, rich),
        tables.sham(rich, tuned_plain, (rich_sham[0], tuned_sham[0], rich_sham[1], tuned_sham[1])),
        tables.base_rates(merged([one[fused] for one in rich_curves]), clean_by[fused]),
        tables.benign(clean, at_thousand),
    ]
    del clean
    write()
    tell("controls done")
    doubled = [
        CONTROLS[fused](graded(scenario(given.travellers, 20_000.0), 3_000 + seed)) for seed in range(4)
    ]
    parts.append(tables.enrichment([one[fused] for one in rich_curves], doubled, at_thousand))
    write()
    tell("enrichment done")
    limits = {name: threshold_at(tuned[name], 1_000) for name in ("face 1:1 alone", fused)}
    parts.append(tables.adversary(given.travellers, limits, [4_001, 4_002]))
    write()
    tell("adversary done")
    samples = training.gather(training.TRAIN_SEEDS[:2], systems=["all"])
    checks = training.gather(training.CHECK_SEEDS[:1], systems=["all"])
    parts.append(tables.left_out(samples, checks))
    parts.append(calibration_tables())
    tell("calibration done")
    write()


if __name__ == "__main__":
    main()
