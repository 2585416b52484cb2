"""Stops lie where rates change, read back as they are written, and reach every target of FPIR that can be."""

import numpy as np
import pytest

from biomatch.reporting.along import MOST_STOPS, TARGETS, Slider, stops_of, where_counted
from biomatch.reporting.figures import threshold
from biomatch.reporting.tables import Along


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_stop_changes_a_count(make, seed):
    found = make(seed=seed, count=1_500)
    grid = set(found.grid["threshold"])
    slider = Slider.of(found)
    assert grid < set(slider.thresholds)
    assert MOST_STOPS / 2 < len(slider.thresholds) <= MOST_STOPS + len(grid) + len(TARGETS) + 2
    own = [one for one in slider.thresholds if one not in grid]
    wrong, missed = found.curve.at(np.array(own), rank=found.list_length)
    counts = list(zip(wrong.tolist(), missed.tolist(), strict=True))
    assert len(set(counts)) == len(counts)
    assert list(wrong) == sorted(wrong, reverse=True)
    assert all(2 * n <= found.curve.non_mated for n in wrong)
    assert all(2 * n <= found.curve.mated for n in missed)


def test_a_stop_reads_back_as_it_is_written(result):
    for one in stops_of(result, MOST_STOPS):
        again = float(threshold(one))
        assert result.curve.at(np.array([again]), rank=20) == result.curve.at(np.array([one]), rank=20)


def test_the_lowest_threshold_of_each_target_is_a_stop(result):
    slider, points = Slider.of(result), result.curve.points(rank=20)
    for target in TARGETS:
        first = np.flatnonzero(points.false_positives <= target * points.non_mated)[0]
        wrong, _ = result.curve.at(np.array(slider.thresholds), rank=20)
        assert points.false_positives[first] in wrong.tolist()


def test_leads_stand_at_the_nearest_threshold_that_was_linked(result):
    slider = Slider.of(result)
    grid = np.array(sorted(result.grid["threshold"]))
    for at, near in enumerate(slider.linked):
        here = slider.thresholds[at]
        assert abs(slider.thresholds[near] - here) == np.abs(grid - here).min()
    kept = where_counted(Along(tuple(range(len(slider.linked)))), slider)
    assert [one for one in kept.values if one is not None] == list(slider.counted)
    assert slider.linked[slider.tuned] == slider.tuned
    assert slider.alone().linked == (0,)
