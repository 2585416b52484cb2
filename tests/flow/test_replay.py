"""The replay in batches against a ledger that walks one encounter at a time, and the judge against loops."""

import ledger
import numpy as np
import polars as pl
import pytest
import small_worlds
from hypothesis import given, settings

from biomatch.evaluation.trials import enumerate_trials
from biomatch.settings.system import System
from biomatch.system import replay
from biomatch.system.replay import search

SYSTEM = System.load("default").with_({"gallery.policy": "open_stays"})


def lists_of(lists):
    encounter_of = lists.references["encounter_id"].to_numpy()
    found = {}
    for at, row in enumerate(lists.searches.iter_rows(named=True)):
        if row["acquired"]:
            kept = lists.reference_id[at] >= 0
            pairs = zip(
                lists.score[at][kept].tolist(),
                encounter_of[lists.reference_id[at][kept]].tolist(),
                strict=True,
            )
            found[row["encounter_id"]] = (row["enrolled_count"], list(pairs))
    return found


@settings(max_examples=150)
@given(small_worlds.worlds())
def test_batches_mean_one_at_a_time(world):
    observed, _ = world
    for system in (SYSTEM, SYSTEM.with_({"gallery.reopen_days": 0.25, "gallery.list_length": 2})):
        expected = ledger.open_stays_ledger(observed, system)
        length = system.gallery.list_length
        assert lists_of(search(observed, system)) == {k: (n, s[:length]) for k, (n, s) in expected.items()}


@settings(max_examples=40)
@given(small_worlds.worlds())
def test_the_size_of_a_batch_changes_nothing(world):
    observed, _ = world
    whole = search(observed, SYSTEM)
    saved = replay.BATCH, replay.SLACK
    try:
        for replay.BATCH, replay.SLACK in ((1, 0), (3, 1), (7, 0)):
            other = search(observed, SYSTEM)
            assert other.searches.equals(whole.searches)
            assert other.reference_id.tobytes() == whole.reference_id.tobytes()
            assert other.score.tobytes() == whole.score.tobytes()
    finally:
        replay.BATCH, replay.SLACK = saved


@settings(max_examples=80)
@given(small_worlds.worlds())
def test_mated_or_not_is_what_a_double_loop_says(world):
    observed, truth = world
    lists = search(observed, SYSTEM)
    trials = enumerate_trials(lists, truth).frame
    expected = ledger.mated_by_loop(observed, truth, lists)
    assert dict(trials.select("encounter_id", "mated").iter_rows()) == expected


@settings(max_examples=60)
@given(small_worlds.worlds())
def test_the_future_changes_nothing_before_it(world):
    """Cutting the stream at t leaves every search before t as it was (strict time, by receipt)."""
    observed, _ = world
    whole = lists_of(search(observed, SYSTEM))
    times = observed.encounters["time"].unique().sort()
    cut = times[len(times) // 2]
    past = observed.encounters.filter(pl.col("recorded_at") < cut)
    if past.is_empty():
        return
    before = lists_of(search(small_worlds.with_encounters(observed, past), SYSTEM))
    for number, answer in before.items():
        assert whole[number] == answer


@settings(max_examples=40)
@given(small_worlds.worlds())
def test_the_order_of_rows_carries_nothing(world):
    observed, _ = world
    shuffled = small_worlds.with_encounters(
        observed, observed.encounters.sample(fraction=1.0, shuffle=True, seed=3)
    )
    assert lists_of(search(observed, SYSTEM)) == lists_of(search(shuffled, SYSTEM))


def test_a_probe_never_sees_what_was_received_at_its_own_moment_by_a_later_record():
    hours = [
        ("port", 0, 4, "entry", 0, 0, False, "yes"),  # received at hour 24
        ("port", 4, 0, "exit", 1, 0, False, "yes"),  # the same person leaves at hour 24
    ]
    early = [small_worlds.encounter(n, row) for n, row in zip((5, 9), hours, strict=True)]
    late = [small_worlds.encounter(n, row) for n, row in zip((9, 5), hours, strict=True)]
    # Equal times are ordered by encounter_id: 5 before 9 is seen, 9 before 5 is not.
    assert lists_of(search(small_worlds.build(early)[0], SYSTEM))[9][0] == 1
    assert lists_of(search(small_worlds.build(late)[0], SYSTEM))[5][0] == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_byte(threads):
    random = np.random.default_rng(5)
    drawn = [
        ("port", int(random.integers(0, 60)), 0, ["entry", "exit"][i % 2], int(random.integers(0, 300)),
         int(random.integers(0, 5)), False, "yes")
        for i in range(800)
    ]  # fmt: skip
    observed, _ = small_worlds.build([small_worlds.encounter(n, row) for n, row in enumerate(drawn)])
    one, other = search(observed, SYSTEM, threads=1), search(observed, SYSTEM, threads=threads)
    assert one.score.tobytes() == other.score.tobytes()
    assert one.reference_id.tobytes() == other.reference_id.tobytes()
