"""Named streams: reproducible, independent, and unmoved by a new neighbour."""

import numpy as np
import pytest

from biomatch.streams import stream


def test_a_stream_is_the_same_each_time():
    assert (stream(7, "a").integers(1 << 60, size=5) == stream(7, "a").integers(1 << 60, size=5)).all()


@pytest.mark.parametrize("other", [(8, "a"), (7, "b"), (7, "a", 0), (7, "a", 1)])
def test_another_seed_name_or_key_is_another_stream(other):
    assert (stream(7, "a").integers(1 << 60, size=5) != stream(*other).integers(1 << 60, size=5)).any()


def test_the_first_draws_are_what_they_were():
    # Measured when the stream was defined: a change of algorithm changes every world, so it must be seen.
    assert stream(1, "faces.scatter").integers(1 << 32, size=3).tolist() == GOLDEN


def test_streams_do_not_correlate():
    a, b = (stream(3, name).standard_normal(100_000) for name in ("x", "y"))
    # |r| < 5 / sqrt(n): five standard deviations of an empirical correlation of independent draws.
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))


GOLDEN = [4060035548, 749665202, 3232234033]
