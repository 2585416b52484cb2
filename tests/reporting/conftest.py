"""Results whose trials are drawn here, with every column that the judge's tables declare."""

import os
import shutil
from datetime import date

import numpy as np
import polars as pl
import pytest
from judged_alerts import make_alerts, make_kind

from biomatch.evaluation.miss_causes import causes_of_misses
from biomatch.evaluation.result import Result
from biomatch.policy import OperatingPoint, accept
from biomatch.settings.system import System

CHROMIUM_ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
TUNED = 0.42
GROUPS = ("East Asia F", "East Asia M", "Europe F", "Europe M", "West Africa F", "West Africa M")


def make_trials(seed, count, *, groups=GROUPS, by_mode=None):
    random = np.random.default_rng(seed)
    mated = random.random(count) < 0.6
    acquired = random.random(count) < 0.97
    mode = random.choice(["air", "sea", "land"], count, p=[0.6, 0.25, 0.15])
    mate = np.where(mated & acquired, random.normal(0.72, 0.09, count), -np.inf).astype(np.float32)
    stranger = np.where(acquired, random.normal(0.31, 0.03, count), -np.inf).astype(np.float32)
    lost = mated & (random.random(count) < 0.004)
    listed = mated & acquired & ~lost & (mate > 0.25)
    rank = np.where(listed, np.where(mate > stranger, 1, 2), 0)
    frame = pl.DataFrame({
        "encounter_id": np.arange(count), "gallery": ["all"] * count, "designed": np.zeros(count, bool),
        "acquired": acquired, "counted": random.random(count) < 0.98, "mated": mated,
        "enrolled_count": random.integers(9_000, 11_000, count),
        "person_id": random.integers(0, count // 2, count),
        "port": random.choice(["Aerilon", "Brightwater", "Crossing 9"], count), "mode": mode,
        "direction": "exit",
        "admission_class": random.choice(["B1", "B2", "WT"], count), "group": random.choice(groups, count),
        "quality": random.normal(50, 9, count).astype(np.float32), "mate_score": mate, "mate_rank": rank,
        "mate_listed_score": np.where(listed, mate, -np.inf).astype(np.float32),
        "top_score": np.where(listed, np.maximum(mate, stranger), stranger),
        "top_id": random.integers(0, 9_000, count),
        "last_score": np.where(acquired, 0.2, -np.inf).astype(np.float32),
    })  # fmt: skip
    thresholds = np.full(count, TUNED)
    for name, value in (by_mode or {}).items():
        thresholds[mode == name] = value
    causes = causes_of_misses(frame, thresholds, 20)
    return frame.with_columns(
        threshold=pl.Series(thresholds),
        cause=pl.select(pl.when(frame["mated"]).then(causes).otherwise(None)).to_series(),
    ).with_columns(
        missed=pl.col("cause").is_not_null(),
        hit=pl.col("mated") & pl.col("cause").is_null(),
        false_positive=~pl.col("mated") & pl.Series(accept(frame["top_score"].to_numpy(), thresholds)),
    )


def make_stays(seed, count=3_000, *, groups=GROUPS):
    random = np.random.default_rng(seed)
    over = random.random(count) < 0.02
    listed = np.where(over, random.random(count) < 0.9, random.random(count) < 0.01)
    cause = random.choice(["left unrecorded", "not yet received", "extension unknown"], count)
    return pl.DataFrame({
        "as_of": [date(2025, 3, 31)] * count, "entry_id": np.arange(count), "exit_id": -1,
        "status": np.where(listed, "suspected_in_country_overstay", "compliant"), "days_over": 0,
        "p_overstay": random.random(count), "how_linked": "document", "permitted_until": date(2025, 3, 1),
        "mode": random.choice(["air", "sea"], count), "admission_class": random.choice(["B1", "WT"], count),
        "group": random.choice(groups, count), "person_id": np.arange(count), "expected": True,
        "listed": listed, "truly_inside_over": over, "truly_outside_over": False, "truly_departed": ~over,
        "cause": pl.Series(cause), "true_exit_id": np.where(over, -1, np.arange(count)),
        "evidence_from": pl.Series([date(2025, 3, 31)] * count),
        "exit_document": random.choice(["the same", "another", "no record"], count),
    }).with_columns(
        cause=pl.when(pl.col("listed") & ~pl.col("truly_inside_over")).then("cause").otherwise(None)
    )  # fmt: skip


def make_grid(result, size=17):
    thresholds = np.unique(np.append(np.linspace(0.3, 0.7, size - 1).astype(np.float32).astype(float), TUNED))
    curve = result.curve
    wrong, missed = curve.at(thresholds, rank=result.list_length)
    rows = [
        {
            "threshold": float(one), "tuned": float(one) == TUNED, "misses": int(m), "mated": curve.mated,
            "false_positives": int(f), "non_mated": curve.non_mated, "mated_failures": curve.mated_failures,
            "expected_departures": 3_000, "leads": 90 + at, "true_leads": 55 - at // 3,
            "false_leads": 90 + at - (55 - at // 3), "hidden": 5 + at // 3,
            "false_leads: left unrecorded": 30 + at, "false_leads: not yet received": at // 3,
        }
        for at, (one, f, m) in enumerate(zip(thresholds, wrong, missed, strict=True))
    ]  # fmt: skip
    last = result.overstays[-1]
    tuned = rows[[row["tuned"] for row in rows].index(True)]
    tuned |= {name: getattr(last, name) for name in ("leads", "true_leads", "false_leads", "hidden")}
    tuned |= {
        name: last.causes[name.partition(": ")[2]] for name in tuned if name.startswith("false_leads: ")
    }
    return pl.DataFrame(rows)


def counted(errors, of, low, high):
    return {"value": errors / of, "numerator": errors, "denominator": of, "interval": [low, high]}


def make_growth(**more):
    methods = (("binomial", 0.02), ("face model", 0.012), ("tail", None))
    return {
        "threshold": 0.42, "tested": 5_000, "operational": 80_000, "searches": 9_000, "confidence": 0.95,
        "profile": "visa-border-leader",
        "measured": [{"size": 2_500, **counted(0, 9_000, 0.0, 0.0004)},
                     {"size": 5_000, **counted(9, 9_000, 0.0004, 0.002)}],
        "estimates": [
            {"method": name, "size": size, "fpir": value and value * size / 80_000,
             "low": value and 0.001, "high": value and 0.05}
            for size in (20_000, 80_000)
            for name, value in methods
        ],
        "back_test": [
            {"threshold": 0.31, "fitted_up_to": 1_250,
             "fitted": {"size": 1_250, **counted(200, 9_000, 0.02, 0.03)},
             "measured": {"size": 5_000, **counted(800, 9_000, 0.08, 0.1)},
             "estimates": [{"method": "binomial", "size": 5_000, "fpir": 0.1, "low": 0.09, "high": 0.11},
                           {"method": "tail", "size": 5_000, "fpir": None, "low": None, "high": None}]}
        ],
        **more,
    }  # fmt: skip


def make_result(
    seed=7, count=6_000, *, name="drawn", groups=GROUPS, grid=True, by_mode=None, about=None, **point
):
    alerts = make_alerts(
        make_kind("sham_exit", raised=12, stopped=2, caught=10, events=14),
        make_kind("second_identity", raised=5, stopped=1, caught=4, events=9),
        make_kind("watchlist"),
        raised=17, stopped=3, caught=14, events=23,
    )  # fmt: skip
    more = {
        "lineages": [1],
        "guarantee": {
            "measure": "FPIR", "target": 0.001, "confidence": 0.95, "bound": 0.00093, "threshold": TUNED,
            "realised": {"value": 11 / 22_310, "numerator": 11, "denominator": 22_310,
                         "interval": [0.0002, 0.0009]},
            "subjects": 11_000, "subjects_with_errors": 11, "method": "fixed sequence of binomial tests",
            "growth": make_growth(),
        },
        **({"face_threshold_by": {"mode": by_mode}} if by_mode else {}), **point,
    }  # fmt: skip
    result = Result(
        point=OperatingPoint.of(TUNED, System.load("default"), **more),
        trials=make_trials(seed, count, groups=groups, by_mode=by_mode),
        list_length=20,
        stays=make_stays(seed, groups=groups),
        judged_alerts=pl.DataFrame(),
        alerts=alerts,
        grid=pl.DataFrame(),
        about={
            "world_id": "0123456789abcdef", "lineage": 2, "scenario": {"name": name, "travellers": count},
            "observed": {"first_day": "2024-12-01", "last_day": "2025-03-31", "measure_from": "2025-01-01"},
            "encounters": count, "versions": {"biomatch": "0.1.0"}, "machine": "x86_64, Linux",
            "on": ["2025-03-31"], **(about or {}),
        },
    )  # fmt: skip
    return result.with_(grid=make_grid(result)) if grid else result


@pytest.fixture(scope="session")
def result():
    return make_result()


@pytest.fixture(scope="session")
def grown():
    return make_growth


@pytest.fixture(scope="session")
def make():
    return make_result


@pytest.fixture(scope="session")
def fifty(tmp_path_factory):
    """Fifty results and their one report."""
    from biomatch.reporting.report import report

    results = [make_result(seed=seed, count=800, name=f"world {seed}") for seed in range(50)]
    return results, report(results, tmp_path_factory.mktemp("fifty") / "fifty.html")


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium; without one the tests are skipped, or fail where a browser is required."""
    needed = os.environ.get("BIOMATCH_REQUIRE_BROWSER") == "1"
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        message = "no Chromium on this machine: the report was NOT looked at in a browser"
        pytest.fail(message) if needed else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


class Watched:
    """A page that remembers what it said and asked for."""

    def __init__(self, browser, path, *, folded=False, **context):
        self.context = browser.new_context(accept_downloads=True, **context)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda line: self.said.append(line.text) if line.type != "log" else None)
        self.page.on("pageerror", lambda fault: self.said.append(str(fault)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_function("document.documentElement.dataset.ready === 'yes'", timeout=60_000)
        if not folded:
            self.unfold()

    def unfold(self):
        """Open every fold and wait until the charts in them are drawn."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        self.page.wait_for_function(
            "[...document.querySelectorAll('figure')].filter(one => one.checkVisibility())"
            ".every(one => one.querySelector('svg .mark-group, svg [role=graphics-symbol], svg path'))",
            timeout=60_000,
        )


@pytest.fixture
def look(browser):
    opened = []

    def open_page(path, *, folded=False, **context):
        opened.append(Watched(browser, path, folded=folded, **context))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()
