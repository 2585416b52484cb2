"""The null controls on a generated world, through the whole flow: the oracle, the blind, the permuted."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from biomatch.evaluation import controls
from biomatch.evaluation.judge import evaluate
from biomatch.evaluation.sweep import sweep
from biomatch.evaluation.trials import enumerate_trials
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.system.run import run

SYSTEMS = ["default", "manifest", "port-day", "all", "watchlist"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_oracle_never_errs(tiny_world, name):
    system = System.load(name)
    lists = search(controls.oracle(tiny_world.observed, tiny_world.truth), system)
    frame = enumerate_trials(lists, tiny_world.truth).frame
    acquired = frame.filter("acquired")
    mated, other = acquired.filter("mated"), acquired.filter(~pl.col("mated"))
    assert mated.height > 20 or name == "watchlist"
    assert (mated["mate_rank"] > 0).all()
    assert (mated["mate_listed_score"] >= controls.ORACLE_THRESHOLD).all()
    assert (other["top_score"] < controls.ORACLE_THRESHOLD).all()
    curve = sweep(lists, tiny_world.truth)
    assert curve.fnir(controls.ORACLE_THRESHOLD).numerator == 0
    assert curve.fpir(controls.ORACLE_THRESHOLD).numerator == 0
    assert curve.mated > 0
    if name not in ("manifest", "port-day"):  # everybody announced: their non-mated trials are designed
        assert curve.non_mated > 0


def test_the_blind_matcher_does_what_arithmetic_predicts(tiny_world):
    """FPIR = mean of 1 - (1 - FMR)^N and FNIR = 1 - FMR, inside exact 99.9% binomial bounds."""
    observed = controls.blind(tiny_world.observed, seed=3)
    lists = search(observed, System.load("default"))
    frame = enumerate_trials(lists, tiny_world.truth).frame.filter("acquired")
    other, mated = frame.filter(~pl.col("mated")), frame.filter("mated")
    for threshold in (0.06, 0.08, 0.10, 0.12):
        fmr = controls.blind_fmr(threshold, observed.dimension)
        expected = 1 - (1 - fmr) ** other["enrolled_count"].to_numpy()
        wrong = int((other["top_score"] >= threshold).sum())
        # A sum of different Bernoulli trials varies less than the binomial of their mean (Hoeffding 1956).
        low, high = binom.interval(0.999, other.height, expected.mean())
        assert low <= wrong <= high
        missed = int((mated["mate_score"] < threshold).sum())
        low, high = binom.interval(0.999, mated.height, 1 - fmr)
        assert low <= missed <= high


def test_a_silent_system_misses(tiny_world):
    """Searches that were never answered are misses of mated and correct refusals of non-mated trials."""
    lists = search(tiny_world.observed, System.load("default"))
    from dataclasses import replace

    silent = replace(
        lists, searches=lists.searches.clear(), reference_id=lists.reference_id[:0], score=lists.score[:0]
    )
    curve, whole = sweep(silent, tiny_world.truth), sweep(lists, tiny_world.truth)
    assert curve.mated == whole.mated > 0
    assert curve.fnir(-1.0, rank=1).value == 1.0
    assert curve.fpir(-1.0).value == 0.0
    half = replace(
        lists, searches=lists.searches[::3], reference_id=lists.reference_id[::3], score=lists.score[::3]
    )
    assert sweep(half, tiny_world.truth).mated == whole.mated
    assert sweep(half, tiny_world.truth).fnir(0.0, rank=1).numerator > whole.fnir(0.0, rank=1).numerator


def test_names_of_people_change_no_rate(tiny_world):
    """The wall: permuting person ids changes neither the system's output nor a single count."""
    point = OperatingPoint.of(0.4, System.load("default"))
    done = run(tiny_world.observed, at=point)
    one = evaluate(done, tiny_world.truth, grid=5)
    other = evaluate(done, controls.permuted_people(tiny_world.truth), grid=5)
    assert json.dumps(one.to_json(), sort_keys=True, default=str) == json.dumps(
        other.to_json(), sort_keys=True, default=str
    )
    assert one.grid.equals(other.grid)


def test_ids_and_row_orders_carry_no_information(tiny_world):
    """|rank correlation| below 4.5 / sqrt(n): five in 10^6 by chance for one pair of independent orders."""
    observed, truth = tiny_world.observed, tiny_world.truth
    seen = observed.encounters.join(truth.encounters, on="encounter_id").with_row_index("row")
    wicked = truth.subversion["encounter_id"].implode()
    told = {
        "time": seen["time"].dt.epoch("ms"),
        "person": seen["person_id"],
        "subversion": seen["encounter_id"].is_in(wicked).cast(pl.Int64),
    }
    carriers = {"id": seen["encounter_id"], "row": seen["row"]}
    for name, series in carriers.items():
        for what, values in told.items():
            if values.n_unique() > 1:
                found = np.corrcoef(series.rank().to_numpy(), values.rank().to_numpy())[0, 1]
                assert abs(found) < 4.5 / np.sqrt(len(seen)), (name, what, found)
    captured = seen.filter(pl.col("template_row") >= 0)
    for what in ("time", "person_id"):
        values = captured[what] if what == "person_id" else captured[what].dt.epoch("ms")
        found = np.corrcoef(captured["template_row"].rank().to_numpy(), values.rank().to_numpy())[0, 1]
        assert abs(found) < 4.5 / np.sqrt(len(captured)), (what, found)
