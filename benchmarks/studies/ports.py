"""Ports where people wait: held-out fits, thresholds priced in waits, boarding, and the engine's speed.

Run as ``python benchmarks/studies/ports.py PART... [--data DIR]`` with the parts ``fit``, ``front``,
``boarding``, ``speed``; each is kept in ``results/ports.json``, and the page ``results/ports.md`` is written
from what is kept. DIR holds the public hours as tables of `biomatch.tables.ports.read_hours`
(``ohare_hours.parquet``, ``other_terminal_hours.parquet``); without it ``fit`` uses the hours that ship with
the package.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

import biomatch as bm
from biomatch.evaluation.waits.day import prepare
from biomatch.ports.engine import serve
from biomatch.ports.hall import ErrorRates
from biomatch.tables.ports import PortHours, read_hours, sample_hours

RESULTS = Path(__file__).parents[1] / "results"
YEARS = ((2018, 2018), (2019, 2019)), ((2018, 2018), (2020, 2020)), ((2013, 2014), (2015, 2015))
OTHERS = ("MIA", "JFK", "LAX", "SFO", "BOS", "SEA")
PREDICTORS = ("hall", "hour_of_day", "hour_by_month", "linear", "boosting_mean", "boosting_median")
LOSSES = {"boosting_mean": "squared_error", "boosting_median": "absolute_error"}


def whole(years: tuple[int, int]) -> tuple[date, date]:
    return date(years[0], 1, 1), date(years[1], 12, 31)


def boosting(
    hours: PortHours, train: tuple[date, date], test: tuple[date, date], loss: str
) -> dict[str, float]:
    """What boosted trees make of this hour, its neighbours, the hour and the weekday, by a loss."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    from biomatch.training.hall import complete

    names = ["passengers", "flights", "booths"]
    table = complete(hours.frame).with_columns(
        (pl.col("date").cast(pl.Int32).cast(pl.Int64) * 24 + pl.col("hour")).alias("stamp")
    )
    seen = table.select("date", "stamp", "hour", "mean_wait", *names).with_columns(
        pl.col("date").dt.weekday().alias("weekday")
    )
    for k in (-2, -1, 1):
        moved = table.select(
            (pl.col("stamp") - k).alias("stamp"), *(pl.col(n).alias(f"{n}{k}") for n in names)
        )
        seen = seen.join(moved, on="stamp", how="left", maintain_order="left")
    seen = seen.filter(pl.col("mean_wait").is_not_null())
    columns = [name for name in seen.columns if name not in ("date", "stamp", "mean_wait")]
    parts = [seen.filter(pl.col("date").is_between(*span)) for span in (train, test)]
    inputs = [part.select(columns).fill_null(0).to_numpy().astype(float) for part in parts]
    trees = HistGradientBoostingRegressor(loss=loss, max_iter=200, learning_rate=0.05, max_leaf_nodes=15,
                                          min_samples_leaf=60, random_state=0)  # fmt: skip
    said = trees.fit(inputs[0], parts[0]["mean_wait"].to_numpy()).predict(inputs[1])
    truth = parts[1]["mean_wait"].to_numpy()
    return {"mae": float(np.abs(said - truth).mean()), "correlation": float(np.corrcoef(said, truth)[0, 1])}


def fit(folder: Path | None) -> list[dict[str, object]]:
    from biomatch.training.heldout import held_out

    if folder is None:
        ohare, cases = sample_hours()["ohare"], YEARS[:1]
        halls = [("O'Hare 5", ohare, spans) for spans in cases]
    else:
        ohare = read_hours(folder / "ohare_hours.parquet")
        others = read_hours(folder / "other_terminal_hours.parquet")
        halls = [("O'Hare 5", ohare, spans) for spans in YEARS]
        halls += [(name, others.only(name, None), YEARS[2]) for name in OTHERS]
    rows = []
    for name, hours, (train, test) in halls:
        started = time.perf_counter()
        found = held_out(hours, whole(train), whole(test))
        seconds = time.perf_counter() - started
        told = found.to_json()
        trees = {name: boosting(hours, whole(train), whole(test), loss) for name, loss in LOSSES.items()}
        before = told["band_shares"]
        rows.append(
            {
                "hall": name,
                "train": f"{train[0]} to {train[1]}" if train[0] != train[1] else str(train[0]),
                "test": str(test[0]),
                "hours": told["test_hours"],
                "mae": told["mae_minutes"] | {name: one["mae"] for name, one in trees.items()},
                "correlation": told["correlations"]
                | {name: one["correlation"] for name, one in trees.items()},
                "interval": told["against_hour_of_day"]["interval"],
                "days": told["days_mae_minutes"],
                "bands": told["bands"],
                "bands_before": None
                if before is None
                else float(np.abs(np.subtract(before["training"], before["measured"])).sum() / 2),
                "over_30": told["over_30_mae"],
                "seconds": seconds,
            }
        )
        print(name, rows[-1]["mae"], flush=True)
    return rows


def front(_: Path | None) -> list[dict[str, object]]:
    from biomatch.settings.profile import load_profile
    from biomatch.tuning.waits.front import sensitivity, waits
    from biomatch.tuning.waits.rates import DECADES, rates_of_profile

    found = []
    for name in ("kiosk-leader", "boarding-median"):
        rates = rates_of_profile(load_profile(name), 16_000, DECADES, fta=0.01)
        priced = waits(rates, "hall", replications=3)
        best = priced.cheapest().at.threshold
        moved = sensitivity(rates, bm.Port.load("hall"))
        found.append(
            {
                "profile": name,
                "rows": priced.frame.to_dicts(),
                "cheapest": best,
                "sentence": priced.sentence,
                "moved": moved.to_dicts(),
            }
        )
    return found


def boarding(_: Path | None) -> list[dict[str, object]]:
    rows = []
    for coverage in (0.8, 0.9, 0.97, 1.0):
        told = bm.queue("boarding-gate", fnir=0.02, fta=1.0 - coverage, seed=1).to_json()
        rows.append({"coverage": coverage, **{k: told[k] for k in ("boarding_minutes", "missed_departures")}})
    return rows


def speed(_: Path | None) -> dict[str, object]:
    """One run on one machine: the same customers in every engine, and whether the starts agree."""
    draws = np.random.default_rng(1)
    size = 100_000
    gaps, services = draws.exponential(60.0 / 20 / 0.9, size), draws.exponential(60.0, size)
    arrivals = gaps.cumsum()
    ours, starts = _timed(lambda: serve(arrivals, services, 20).starts, repeat=5)
    simpy_seconds, simpy_starts = _timed(lambda: _simpy(arrivals, services))
    ciw_seconds, ciw_starts = _timed(lambda: _ciw(gaps, services))
    week = _measured("week")
    year = _measured("year")
    return {
        "customers": size,
        "ours": size / ours,
        "simpy": size / simpy_seconds,
        "ciw": size / ciw_seconds,
        "simpy_difference": float(np.abs(starts - simpy_starts).max()),
        "ciw_difference": float(np.abs(starts - ciw_starts).max()),
        "week": week,
        "year": year,
    }


def _timed(work, repeat: int = 1):
    """Seconds of processor time, the best of some runs: one thread each, on a machine that others share."""
    best, found = float("inf"), None
    for _ in range(repeat):
        started = time.process_time()
        found = work()
        best = min(best, time.process_time() - started)
    return best, found


def _simpy(arrivals, services):
    import simpy

    env = simpy.Environment()
    desks = simpy.Resource(env, 20)
    starts = np.zeros(len(arrivals))

    def person(k, service):
        with desks.request() as turn:
            yield turn
            starts[k] = env.now
            yield env.timeout(service)

    def come():
        for k, (at, service) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
            yield env.timeout(at - env.now)
            env.process(person(k, service))

    env.process(come())
    env.run()
    return starts


def _ciw(gaps, services):
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps.tolist(), float("inf")])],
        service_distributions=[ciw.dists.Sequential(services.tolist())],
        number_of_servers=[20],
    )
    run = ciw.Simulation(network)
    run.simulate_until_max_customers(len(gaps), method="Finish")
    records = sorted(run.get_all_records(), key=lambda one: one.arrival_date)
    return np.array([one.service_start_date for one in records])


def _measured(what: str) -> dict[str, float]:
    """Run one job in a process of its own, for its peak of memory."""
    done = subprocess.run(
        [sys.executable, __file__, "--job", what], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _peak_megabytes() -> float:
    """Peak of resident memory of this process (Linux; `ru_maxrss` would hand on the parent's)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else float("nan")


def job(what: str) -> None:
    rates = [ErrorRates(0.0356 + 0.002 * k, 10.0 ** (-2 - 0.5 * k), 0.01) for k in range(10)]
    before = _peak_megabytes()
    hours = None
    if what == "year":
        frame = sample_hours()["ohare"].frame.filter(pl.col("date").dt.year() == 2018)
        hours, rates = frame.drop("row"), rates[5:6]
    started, used = time.perf_counter(), time.process_time()
    ready = prepare("hall", hours=hours, replications=1)
    days = ready.at(rates)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    peak = _peak_megabytes()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor": used,
                "people": days[0].people,
                "thresholds": len(rates),
                "megabytes": peak,
                "before": before,
            }
        )
    )


def page(kept: dict[str, object]) -> str:
    lines = [
        "# Ports where people wait",
        "",
        "Made by `python benchmarks/studies/ports.py fit front boarding speed --data DIR`; "
        "DIR holds the public hours.",
        "",
    ]
    for name, write in (("fit", _fit_page), ("front", _front_page), ("boarding", _boarding_page),
                        ("speed", _speed_page)):  # fmt: skip
        if name in kept:
            lines += write(kept[name])
    return "\n".join(lines)


def _fit_page(rows) -> list[str]:
    lines = [
        "## Held-out hours",
        "",
        "Mean absolute error of an hour's mean wait, minutes; in brackets the correlation with it. "
        "Every predictor is fitted on the same training years and sees no wait of the test year; the least "
        "error is bold. *Boosting* is scikit-learn's histogram gradient boosting of the mean, or of the "
        "median, on this "
        "hour, its neighbours, the hour and the weekday.",
        "",
        "| hall | train | test | hours | hall | hour of day | hour by month | linear | boosting, mean | "
        "boosting, median | hall less hour of day, 95% over days |",
        "|" + "---|" * 11,
    ]
    for row in rows:
        cells = []
        least = min(row["mae"].values())
        for name in PREDICTORS:
            r = row["correlation"][name]
            text = f"{row['mae'][name]:.2f} ({'-' if r is None else f'{r:.2f}'})"
            cells.append(f"**{text}**" if row["mae"][name] == least else text)
        low, high = row["interval"]
        lines.append(
            f"| {row['hall']} | {row['train']} | {row['test']} | {row['hours']:,} | {' | '.join(cells)} | "
            f"{low:+.2f} to {high:+.2f} |"
        )
    lines += [
        "",
        "The median errs least in this measure, and the hall predicts it, as the last boosting does. "
        "Boosting of the median comes near the hall, or before it; a hall can be asked about a change of "
        "traffic, and says where a wait comes from. Days, shares and bands below use the mean.",
        "",
        "| hall | test | a day's mean wait: hall | hour of day | linear | bands, total variation | "
        "training years' shares | share over 30 min, MAE | fit, s |",
        "|" + "---|" * 9,
    ]
    for row in rows:
        days = row["days"]
        lines.append(
            f"| {row['hall']} | {row['test']} | {days['hall']:.2f} | {days['hour_of_day']:.2f} | "
            f"{days['linear']:.2f} | {row['bands']:.3f} | {row['bands_before']:.3f} | {row['over_30']:.3f} | "
            f"{row['seconds']:.0f} |"
        )
    return [*lines, ""]


def _front_page(found) -> list[str]:
    lines = ["## Thresholds priced in waits", "",
             "The built-in week of `hall` (139,855 travellers), FTA 1%, N = 16,000, 3 "
             "replications; FPIR and FNIR of "
             "the profile. The cheapest threshold is bold.", ""]  # fmt: skip
    for one in found:
        lines += [
            f"### {one['profile']}",
            "",
            "| FPIR | FNIR | mean wait, min (bounds) | over 30 min | secondary, people | "
            "wait | manual checks | missed | cost |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in one["rows"]:
            wait = (
                "more work than staff"
                if row["wait"] is None
                else f"{row['wait']:.1f} ({row['wait_low']:.1f} to {_or_end(row['wait_high'])})"
            )
            second = "without end" if row["secondary_wait"] is None else f"{row['secondary_wait']:.1f}"
            over = "-" if row["over_30"] is None else f"{row['over_30']:.1%}"
            cost = "-" if row["cost"] is None else f"{row['cost']:,.0f}"
            mark = "**" if row["threshold"] == one["cheapest"] else ""
            lines.append(
                f"| {mark}{row['fpir']:.0e}{mark} | {row['fnir']:.4f} | {wait} | {over} | "
                f"{row['secondary_people']:,.0f} | {second} | {row['checks']:,.0f} | {row['missed']:,.0f} | "
                f"{cost} |"
            )
        lines += [
            "",
            one["sentence"],
            "",
            "Cheapest with each assumption at half and at double:",
            "",
            "| assumption | value | FPIR | mean wait, min | cost |",
            "|---|---|---|---|---|",
        ]
        for row in one["moved"]:
            value = "" if row["value"] is None else f"{row['value']:g}"
            told = (
                "none | |"
                if row["threshold"] is None
                else f"{row['fpir']:.0e} | {row['wait']:.1f} | {row['cost']:,.0f}"
            )
            lines.append(f"| {row['assumption']} | {value} | {told} |")
        lines.append("")
    return lines


def _or_end(value) -> str:
    return "without end" if value is None else f"{value:.1f}"


def _boarding_page(rows) -> list[str]:
    lines = ["## Boarding by face", "",
             "`boarding-gate`: seven departures of 160 to 350 passengers, two lanes of "
             "17.5 passengers a minute "
             "together [P19], one clerk for whom the camera does not capture; FNIR 2%, 20 replications.", "",
             "| coverage | boarding, minutes | missed departures, of 1,735 |", "|---|---|---|"]  # fmt: skip
    for row in rows:
        spans = []
        for name in ("boarding_minutes", "missed_departures"):
            low, high = row[name]["interval"]
            spans.append(f"{row[name]['value']:.1f} ({low:.1f} to {high:.1f})")
        lines.append(f"| {row['coverage']:.0%} | {spans[0]} | {spans[1]} |")
    return [*lines, ""]


def _speed_page(kept) -> list[str]:
    week, year = kept["week"], kept["year"]
    return [
        "## Speed",
        "",
        "One run on one machine, which others used too: processor time of one thread. M/M/20 at load 0.9, "
        "the same customers in every engine.",
        "",
        "| engine | customers a second | biomatch is faster by | largest difference of starts, s |",
        "|---|---|---|---|",
        f"| biomatch | {kept['ours'] / 1e6:.2f} million | | |",
        f"| SimPy | {kept['simpy']:,.0f} | {kept['ours'] / kept['simpy']:.0f} | "
        f"{kept['simpy_difference']:.1e} |",
        f"| Ciw | {kept['ciw']:,.0f} | {kept['ours'] / kept['ciw']:.0f} | {kept['ciw_difference']:.1e} |",
        "",
        f"A week of the built-in hall ({week['people']:,} travellers, gates, desks, secondary) at "
        f"{week['thresholds']} thresholds: {week['processor']:.1f} s, peak {week['megabytes']:.0f} MB "
        f"({week['before']:.0f} MB before it began). A year of O'Hare ({year['people']:,} travellers) at one "
        f"threshold: {year['processor']:.1f} s, peak {year['megabytes']:.0f} MB.",
        "",
        "The limit is the interpreter: one person costs one heap operation, about 0.2 "
        "microseconds in CPython.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["fit", "front", "boarding", "speed", []])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--job", choices=["week", "year"])
    given = parser.parse_args()
    if given.job:
        job(given.job)
        return
    place = RESULTS / "ports.json"
    kept = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    work = {"fit": fit, "front": front, "boarding": boarding, "speed": speed}
    for part in given.parts:
        kept[part] = work[part](given.data)
        place.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (RESULTS / "ports.md").write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
