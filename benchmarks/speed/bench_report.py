"""What the report costs: seconds and bytes, against the size of a result and the number of results.

Ratios in one run on one machine: ten times the trials, ten times the results; the constant part is the
bundle of Vega, which is made once a process.
"""

from __future__ import annotations

import shutil

import pytest

from biomatch.evaluation.judge import evaluate
from biomatch.policy import OperatingPoint
from biomatch.reporting import assembly
from biomatch.reporting.report import contents_of, report, write_charts, write_tables
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.run import run
from biomatch.worlds import world

POINT = 0.4
CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


def judged(travellers, seed):
    made = world(Scenario.load("airport").with_({"travellers": travellers}), seed=seed)
    done = run(made.observed, at=OperatingPoint.of(POINT, System.load("today")))
    return evaluate(done, made.truth)


@pytest.fixture(scope="module")
def result():
    return judged(8_000, 1)


def test_bundle(benchmark):
    benchmark.pedantic(assembly.bundle.__wrapped__, rounds=2)
    benchmark.extra_info["bytes"] = len(assembly.bundle())


def test_one_result(benchmark, result, tmp_path):
    assembly.bundle()
    path = benchmark.pedantic(report, args=([result], tmp_path / "one.html"), rounds=3)
    benchmark.extra_info["bytes"] = path.stat().st_size
    benchmark.extra_info["trials"] = result.trials.height


@pytest.mark.parametrize("results", [1, 10, 50])
def test_several_results(benchmark, result, tmp_path, results):
    assembly.bundle()
    path = benchmark.pedantic(report, args=([result] * results, tmp_path / "several.html"), rounds=2)
    benchmark.extra_info["bytes"] = path.stat().st_size
    benchmark.extra_info["seconds_a_result"] = benchmark.stats["min"] / results


def test_growth_with_trials(benchmark, result):
    """The same figures over ten times the trials (each repeated for another subject)."""
    import polars as pl

    parts = [
        result.trials.with_columns(pl.col("person_id") + copy * (1 + result.trials["person_id"].max()))
        for copy in range(10)
    ]
    many = judged_as(result, pl.concat(parts))
    small = timed(lambda: contents_of([result]))
    benchmark.pedantic(contents_of, args=([many],), rounds=2)
    benchmark.extra_info["seconds_at_ten_times_the_trials_over_seconds"] = benchmark.stats["min"] / small


def judged_as(result, trials):
    from dataclasses import replace

    return replace(result, trials=trials)


def timed(call):
    import time

    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def test_tables(benchmark, result, tmp_path):
    benchmark.pedantic(write_tables, args=([result], tmp_path), rounds=2)


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_charts(benchmark, result, tmp_path, kind):
    benchmark.pedantic(write_charts, args=([result], tmp_path, kind), rounds=2)


@pytest.mark.parametrize("results", [1, 10, 50])
def test_opening(benchmark, result, tmp_path, results):
    """From the address to the last chart in the system's Chromium: a reader's wait, beside the bytes."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        pytest.skip("no Chromium on this machine: nothing was opened")
    from playwright.sync_api import sync_playwright

    path = report([result] * results, tmp_path / "several.html")
    ready = "document.documentElement.dataset.ready === 'yes'"
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=place, args=CHROMIUM)

        def open_page():
            context = opened.new_context()
            page = context.new_page()
            page.goto(path.resolve().as_uri(), wait_until="commit")
            page.wait_for_function(ready, polling=20, timeout=60_000)
            context.close()

        benchmark.pedantic(open_page, rounds=5, warmup_rounds=1)
        opened.close()
    benchmark.extra_info["bytes"] = path.stat().st_size
