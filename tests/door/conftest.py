"""One small world, searched, run and judged once."""

import pytest

import biomatch as bm


@pytest.fixture(scope="session")
def small():
    """World, lists, curve, point, run and result of a small scenario."""
    made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    lists = bm.search(made.observed, "default")
    curve = bm.sweep(lists, made.truth)
    point = bm.OperatingPoint.of(0.4)
    run = bm.run(made.observed, at=point, lists=lists)
    return {
        "world": made,
        "lists": lists,
        "curve": curve,
        "point": point,
        "run": run,
        "result": bm.evaluate(run, made.truth, grid=0),
        "fraud": bm.sweep_fraud(run, made.truth),
        "leads": bm.sweep_leads(run, made.truth),
    }
