"""Sham exits told apart from spoilt captures: who came back had left."""

from __future__ import annotations

import numpy as np

from biomatch.evidence.prior import SHAM_RATE
from biomatch.overstay.linkage.posteriors.shams import sham_rate


def counted(back, strange_back, stayed, strange_stayed):
    again = np.arange(back + stayed) < back
    strange = np.zeros(back + stayed, dtype=bool)
    strange[:strange_back] = True
    strange[back : back + strange_stayed] = True
    return sham_rate(strange, again)


def test_low_scores_as_common_among_those_who_came_back_are_spoilt_captures():
    """One in a thousand in both halves: hardly any of 20 is a sham exit, however many pairs there are."""
    assert counted(10_000, 10, 10_000, 10) < 0.1 * 10 / 20_000
    assert counted(1_000_000, 1_000, 1_000_000, 1_000) < 0.1 * 1_000 / 2_000_000


def test_an_excess_among_the_others_is_sham_exits():
    found = counted(100_000, 100, 100_000, 600)
    assert 0.9 * 500 / 200_000 < found < 1.1 * 500 / 200_000


def test_without_any_pair_the_guess_stands_within_its_spread():
    assert SHAM_RATE < sham_rate(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)) < 100 * SHAM_RATE
