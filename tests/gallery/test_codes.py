"""Codes in segments: the same as in one, whatever is added, forgotten, saved or scanned."""

import numpy as np
import pytest

from biomatch.gallery.coding import codes as codes_module
from biomatch.gallery.coding.codes import CodeSegments

DIMENSION, ROWS, TRAINED = 32, 9_000, 4_096


@pytest.fixture
def rows(faces):
    return faces(ROWS, DIMENSION)


@pytest.fixture
def cut(rows, monkeypatch):
    """Give codes in segments of 1,000 rows, and the same codes in one."""

    def make(threads=2):
        made = []
        for size in (1_000, 1 << 18):
            monkeypatch.setattr(codes_module, "SEGMENT_ROWS", size)
            one = CodeSegments(DIMENSION, threads).trained_on(rows[:TRAINED])
            for begin in range(0, ROWS, 1_700):
                one = one.added(rows[begin : begin + 1_700])
            made.append(one)
        monkeypatch.setattr(codes_module, "SEGMENT_ROWS", 1_000)
        return made

    return make


def scanned(codes, probes, count, alone=True):
    """Give the scans of all segments side by side: scores, rows, and the score above which all are there."""
    scans = codes.scan(probes, count, alone=alone)
    scores, found = (np.concatenate([getattr(s, name) for s in scans], axis=1) for name in ("scores", "rows"))
    return scores, found, np.max([s.reach for s in scans], axis=0)


def best(codes, probes, count, alone=True):
    """Give the set of (row, score) above the score that is sure to be complete, for each probe."""
    scores, found, reach = scanned(codes, probes, count, alone)
    assert (np.isneginf(reach) | ((scores > reach[:, None]).sum(axis=1) > 0)).all()
    lowest = np.maximum(reach, np.sort(scores, axis=1)[:, -count])
    return [
        set(zip(r[s > low].tolist(), s[s > low].tolist(), strict=True))
        for r, s, low in zip(found, scores, lowest, strict=True)
    ]


def test_segments_hold_what_one_holds(cut, rows):
    many, one = cut()
    assert len(many) == len(one) == ROWS
    assert len(many._segments) == 9
    assert len(one._segments) == 1
    everything = np.arange(ROWS)
    np.testing.assert_array_equal(many.codes(everything), one.codes(everything))
    some = np.array([0, 999, 1000, 1001, 8_999])
    np.testing.assert_array_equal(many.codes(some), one.codes(some))
    np.testing.assert_array_equal(many.codebook(), one.codebook())


@pytest.mark.parametrize("probes", [1, 40])
@pytest.mark.parametrize("alone", [True, False])
def test_a_scan_gives_every_row_above_its_reach(cut, rows, probes, alone):
    many, one = cut()
    asked = rows[:probes] + np.float32(0.05)
    truth_scores, truth_rows, _ = scanned(one, asked, ROWS)
    scores, found, reach = scanned(many, asked, 200, alone)
    assert scores.shape[1] >= 200
    for probe in range(probes):
        above = truth_scores[probe] > reach[probe]
        assert set(truth_rows[probe][above]) <= set(found[probe])
        order = np.argsort(truth_rows[probe])
        there = found[probe] >= 0
        np.testing.assert_allclose(
            scores[probe][there], truth_scores[probe][order][found[probe][there]], atol=1e-6
        )


def test_all_rows_asked_for_are_all_given(cut, rows):
    many, _ = cut()
    _, found, reach = scanned(many, rows[:2], ROWS)
    assert np.isneginf(reach).all()
    assert set(range(ROWS)) - set(found[0].tolist()) <= set()


def test_what_is_forgotten_leaves_the_others_in_order(cut):
    many, one = cut()
    kept = np.sort(np.random.default_rng(5).choice(ROWS, 2_500, replace=False))
    wanted = one.codes(kept)
    fewer = many.kept(kept)
    assert len(fewer) == 2_500
    assert len(fewer._segments) < 6  # neighbours were joined
    np.testing.assert_array_equal(fewer.codes(np.arange(2_500)), wanted)
    assert len(fewer.kept(np.arange(0))) == 0
    # and what was there is as it was: whoever searches it meanwhile sees no change
    np.testing.assert_array_equal(many.codes(np.arange(ROWS)), one.codes(np.arange(ROWS)))


def test_codes_are_those_of_their_rows_after_any_history(cut, rows):
    """FAISS mixes the code of a new row with what a forgotten one left at the end of its segment."""
    codes, _ = cut()
    there, rng = np.arange(ROWS), np.random.default_rng(6)
    for _ in range(6):
        kept = np.sort(rng.choice(len(there), int(rng.integers(1, len(there))), replace=False))
        codes, there = codes.kept(kept), there[kept]
        new = rng.integers(0, ROWS, int(rng.integers(1, 2_500)))
        codes, there = codes.added(rows[new]), np.concatenate([there, new])
        np.testing.assert_array_equal(codes.codes(np.arange(len(there))), codes.encoded(rows[there]))


def test_what_was_saved_comes_back(cut, rows):
    many, one = cut()
    parts = [many.codes(np.arange(0, 2_500)), many.codes(np.arange(2_500, ROWS))]
    again = CodeSegments(DIMENSION, 2).restored(many.codebook(), parts)
    assert len(again._segments) == 9
    np.testing.assert_array_equal(again.codes(np.arange(ROWS)), one.codes(np.arange(ROWS)))
    assert best(again, rows[:5], 100) == best(many, rows[:5], 100)
    assert len(again.added(rows[:1_500])) == ROWS + 1_500
    assert len(again) == ROWS


@pytest.mark.parametrize("alone", [True, False])
def test_a_pilot_is_the_first_of_the_scans(cut, rows, alone):
    many, _ = cut()
    asked = rows[:6] + np.float32(0.05)
    pilot = many.pilot(asked, 200)
    assert many.pilot_rows == 1_000
    again = many.scan(asked, 200, alone=alone, pilot=pilot)
    assert again[0] is pilot
    for one, other in zip(again, many.scan(asked, 200, alone=alone), strict=True):
        assert np.array_equal(np.sort(one.rows), np.sort(other.rows))
        assert np.array_equal(one.reach, other.reach)


@pytest.mark.parametrize("alone", [True, False])
def test_only_what_is_short_is_scanned_again(cut, rows, alone, monkeypatch):
    many, one = cut()
    asked = rows[:6] + np.float32(0.05)
    scans = many.scan(asked, 90, alone=alone)
    short = np.zeros((6, len(scans)), np.bool_)
    short[1, 3] = short[4, 3] = short[4, 8] = True
    seen, scan_one = [], codes_module._scanned

    def noted(padded, first, segment, share):
        seen.append((len(padded), first, share))
        return scan_one(padded, first, segment, share)

    monkeypatch.setattr(codes_module, "_scanned", noted)
    again = many.deeper(asked, scans, short, alone=alone)
    width = scans[3].rows.shape[1]
    assert sorted(seen) == [(1, 8_000, 4 * width), (2, 3_000, 4 * width)]
    truth_scores, truth_rows, _ = scanned(one, asked, ROWS)
    for probe in range(6):
        for at, scan in enumerate(again):
            there = scan.rows[probe] >= 0
            assert there.sum() == (4 * width if short[probe, at] else width)
            low, high = 1_000 * at, 1_000 * (at + 1)
            mine = (truth_rows[probe] >= low) & (truth_rows[probe] < high)
            above = set(truth_rows[probe][mine & (truth_scores[probe] > scan.reach[probe])])
            assert above <= set(scan.rows[probe][there])
    assert again[0] is scans[0]
