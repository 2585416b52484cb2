"""The main job over ten seed pairs: ``results/demo.md``.

    .venv/bin/python benchmarks/studies/demo.py --pairs 10

Each pair is one run of the demo (four worlds: tune, grade, and frequent fraud for both) in a process of its
own, so that its memory is its own too. A pair that is done is kept in the work folder as JSON, named by what
was asked; a study that was killed goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from biomatch.demo.answers import SHORT_CAUSES
from biomatch.demo.worlds import SEEDS
from biomatch.evaluation.alerts.precision import box_confidence, precision_at
from biomatch.rates import Rate, clustered_rate
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.tables import storage

RESULTS = Path(__file__).parent.parent / "results"


def one_pair(scenario: dict[str, Any], system: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run the demo once; what it answers, with the peak memory up to the end of each stage (MB)."""
    from biomatch.demo.work import demo

    peaks: list[float] = []
    answers = demo(
        Scenario.from_mapping(scenario),
        System.from_mapping(system),
        seed=seed,
        step=lambda text: peaks.append(peak_mb()),
    )
    # A step is announced as it begins: what was reached by then belongs to the stage before it.
    reached = [*peaks[1:], peak_mb()]
    stages = [
        {"name": stage.name, "seconds": stage.seconds, "peak_mb": mb}
        for stage, mb in zip(answers.stages, reached, strict=True)
    ]
    return {**answers.to_json(), "measured": stages}


def peak_mb() -> float:
    """Peak resident memory of this process so far, MB; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # no such module on Windows
        return float("nan")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


def gathered(scenario: Scenario, system: System, pairs: int, first: int, work: Path) -> list[dict[str, Any]]:
    """Run the pairs that are not there yet; all of them, in the order of their seeds."""
    asked = hashlib.sha256((scenario.canonical() + system.canonical()).encode()).hexdigest()[:12]
    work.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(pairs):
        seed = first + SEEDS * number
        place = work / f"{asked}-{seed}.json"
        if not place.exists():
            began = time.monotonic()
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
                dumped = scenario.model_dump(mode="json"), system.model_dump(mode="json")
                answers = pool.submit(one_pair, *dumped, seed).result()
            storage.write_text(place, json.dumps(answers, indent=1, sort_keys=True) + "\n")
            print(f"seed {seed}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        found.append(json.loads(place.read_text(encoding="utf-8")))
    return found


def paired(one: list[float], other: list[float]) -> str:
    """Say the mean difference over pairs with its 95% interval (Student's t)."""
    difference = np.subtract(one, other)
    mean = float(difference.mean())
    if len(difference) < 2:
        return f"{mean:+.1f} (one pair: no interval)"
    half = float(student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


def pooled(rates: list[dict[str, Any]], confidence: float = 0.95) -> Rate:
    """Put the rates of several pairs together; the interval is by how they differ from pair to pair.

    A ratio of sums (Cochran, "Sampling Techniques", 3rd ed., 1977, ch. 6) with Student's t on log odds, and
    never less than the binomial variance. Where nothing or everything is an error the pairs cannot differ:
    then a pair is a cluster, which claims least.
    """
    errors = np.array([one["numerator"] for one in rates], dtype=np.int64)
    trials = np.array([one["denominator"] for one in rates], dtype=np.int64)
    errors, trials = errors[trials > 0], trials[trials > 0]
    count, wrong, made = len(trials), int(errors.sum()), int(trials.sum())
    if count < 2 or wrong in (0, made):
        return clustered_rate(errors, trials, confidence)
    share = wrong / made
    between = count / (count - 1) * float(((errors - share * trials) ** 2).sum())
    error = np.sqrt(max(between, made * share * (1.0 - share))) / made
    half = float(student.ppf(0.5 + confidence / 2, count - 1)) * error / (share * (1.0 - share))
    low, high = (float(expit(logit(share) + side * half)) for side in (-1.0, 1.0))
    return Rate(wrong, made, (low, high), confidence, "between pairs, Student's t")


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Write a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def overstays(found: list[dict[str, Any]]) -> list[str]:
    """The lists side by side, a row a pair, and the paired differences."""
    names = [row["system"] for row in found[0]["overstays"]]
    rows = []
    for one in found:
        cells = [f"{row['leads']:,} / {row['false_leads']:,} / {row['hidden']:,}" for row in one["overstays"]]
        rows.append([f"{one['seeds'][0]}, {one['seeds'][1]}", *cells])
    lines = ["## Overstays: leads / false leads / hidden overstays", ""]
    lines += table(["seeds (tuned, graded)", *names], rows)

    def column(name: str, key: str) -> list[float]:
        return [float(next(row for row in one["overstays"] if row["system"] == name)[key]) for one in found]

    rows = []
    for name in names:
        false, every = sum(column(name, "false_leads")), sum(column(name, "leads"))
        against = [paired(column(name, key), column(names[0], key)) for key in ("false_leads", "hidden")]
        rows.append(
            [name, f"{every:,.0f}", f"{false:,.0f}", f"{sum(column(name, 'hidden')):,.0f}",
             *(["-", "-"] if name == names[0] else against)]
        )  # fmt: skip
    lines += table(
        ["all pairs", "leads", "false", "hidden", f"false leads a pair, against {names[0]} (95%)",
         f"hidden a pair, against {names[0]} (95%)"],
        rows,
    )  # fmt: skip
    causes = list(found[0]["overstays"][0]["causes"])
    rows = [
        [name, *(f"{sum(r['causes'][cause] for o in found for r in o['overstays'] if r['system'] == name):,}"
                 for cause in causes)]
        for name in names
    ]  # fmt: skip
    lines += ["What the false leads are:", ""]
    return lines + table(["system", *(SHORT_CAUSES.get(cause, cause) for cause in causes)], rows)


def fraud(found: list[dict[str, Any]]) -> list[str]:
    """Caught where fraud is frequent, stopped where it is rare, and the precision of both together."""
    told = [one["fraud"] for one in found]
    kinds = sorted({kind for one in told for kind in one["caught_by_kind"]})
    rows = []
    for kind in kinds:
        pairs = [one["caught_by_kind"].get(kind, [0, 0]) for one in told]
        rows.append([kind, str(pooled([{"numerator": c, "denominator": n} for c, n in pairs]))])
    rows.append(["all but the watchlist", str(pooled([one["caught"] for one in told]))])
    lines = ["## Fraud", "", *table(["kind of event", "caught (between pairs)"], rows)]
    each = box_confidence()
    catch, stop = (pooled([one[name] for one in told], each) for name in ("caught", "stopped"))
    stopped = pooled([one["stopped"] for one in told])
    asked = told[0]["asked_stops_per_million"]
    return [
        *lines,
        f"Honest encounters stopped, tuned to at most {asked:,g} per million: {stopped}.",
        f"Precision: {precision_at(catch, stop)}.",
        "Thresholds come from lineages that are not graded on; no kind is tuned on what it is graded on.",
        "",
    ]


def identification(found: list[dict[str, Any]]) -> list[str]:
    """Rates of each search, all pairs together."""
    rows = []
    for policy in found[0]["searches"]:
        mine = [one["searches"][policy] for one in found]
        sizes = [one["enrolled_count"]["median"] for one in mine]
        rates = [str(pooled([one[name] for one in mine])) for name in ("fpir", "fnir")]
        rows.append([policy, f"{min(sizes):,} to {max(sizes):,}", *rates])
    targets = sorted({one["identification"]["target_fpir"] for one in found if one["identification"]})
    lines = [
        f"## Identification, tuned to FPIR at most {', '.join(f'{one:g}' for one in targets if one)}",
        "",
    ]
    return lines + table(["search", "median N", "FPIR (between pairs)", "FNIR"], rows)


def stages(found: list[dict[str, Any]]) -> list[str]:
    """Seconds and memory, stage by stage."""
    rows = []
    for at, stage in enumerate(found[0]["measured"]):
        seconds = [one["measured"][at]["seconds"] for one in found]
        peak = max(one["measured"][at]["peak_mb"] for one in found)
        rows.append([stage["name"], f"{np.median(seconds):.1f}", f"{max(seconds):.1f}", f"{peak:,.0f}"])
    total = [sum(stage["seconds"] for stage in one["measured"]) for one in found]
    rows.append(["all", f"{np.median(total):.1f}", f"{max(total):.1f}", rows[-1][-1]])
    lines = ["## Time and memory, stage by stage", ""]
    return lines + table(["stage", "seconds, median", "most", "peak memory by its end, MB"], rows)


def page(found: list[dict[str, Any]], command: str) -> str:
    """Write the page."""
    lines = [
        "# The main job, over seed pairs",
        "",
        f"`{command}`: scenario `{found[0]['scenario']}`, system `{found[0]['system']}`, {len(found)} pairs "
        "of worlds, each tuned on one and graded on the other, which share nobody. All data are synthetic.",
        "",
        *overstays(found),
        *fraud(found),
        *identification(found),
        *stages(found),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run the study."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--pairs", type=int, default=10)
    ask.add_argument("--seed", type=int, default=1, help="tuning world of the first pair")
    ask.add_argument("--scenario", default="airport")
    ask.add_argument("--system", default="default")
    ask.add_argument("--travellers", type=int, help="default: the scenario's")
    ask.add_argument("--work", type=Path, default=Path("demo-study"), help="where finished pairs are kept")
    ask.add_argument("--out", type=Path, default=RESULTS / "demo.md")
    given = ask.parse_args()
    scenario, system = Scenario.load(given.scenario), System.load(given.system)
    command = f".venv/bin/python benchmarks/studies/demo.py --pairs {given.pairs} --seed {given.seed}"
    if given.travellers:
        scenario = scenario.with_({"travellers": given.travellers})
        command += f" --travellers {given.travellers}"
    found = gathered(scenario, system, given.pairs, given.seed, given.work)
    storage.write_text(given.out, page(found, command))
    print(f"written: {given.out}")


if __name__ == "__main__":
    main()
