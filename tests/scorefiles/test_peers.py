"""Files of the peers, and the numbers that the peers compute from them."""

from pathlib import Path

import numpy as np
import pytest

from biomatch.scorefiles import read_scores

DATA = Path(__file__).parent / "data"

# bob.bio.base 8.1.1 wrote scores-4.txt and scores-5.txt (`load.dump_score`); bob.measure 6.1.1 gave these.
BOB = {
    "scores-4.txt": {
        "size": (18, 342),
        "far_threshold": {0.0: 0.49500000000000005, 0.005: 0.495, 0.01: 0.408, 0.05: 0.351, 0.1: 0.309},
        "frr": {0.0: 6, 0.005: 6, 0.01: 1, 0.05: 1, 0.1: 1},
        # threshold: detection and identification rate at rank 1 and 12, false-alarm rate
        "dir": {0.2: (17, 18, 12), 0.3: (17, 17, 10), 0.4: (17, 17, 1), 0.5: (12, 12, 0)},
    },
    "scores-5.txt": {
        "size": (36, 684),
        "far_threshold": {0.0: 0.49300000000000005, 0.005: 0.463, 0.01: 0.441, 0.05: 0.362, 0.1: 0.313},
        "frr": {0.0: 13, 0.005: 11, 0.01: 9, 0.05: 4, 0.1: 1},
        "dir": {0.2: (17, 18, 12), 0.3: (17, 18, 12), 0.4: (17, 18, 6), 0.5: (14, 14, 0)},
    },
}


@pytest.mark.parametrize("name", BOB)
def test_bob_comparisons(name):
    curve = read_scores([DATA / name]).curve(identification=False)
    golden = BOB[name]
    assert (curve.mated_scores.size, curve.non_mated_scores.size) == golden["size"]
    for target, theirs in golden["far_threshold"].items():
        ours = curve.threshold(max_fmr=target)
        low, high = curve.threshold_interval(max_fmr=target)
        # One half-open interval: Bob answers with its upper end (or just above its lower end where
        # nothing may be accepted), we with the lower end, which misses no more.
        assert theirs in (high, np.nextafter(low, 1))
        assert curve.fmr(ours).numerator == curve.fmr(theirs).numerator
        assert curve.fnmr(theirs).numerator == golden["frr"][target]
        assert curve.fnmr(ours).numerator <= golden["frr"][target]


@pytest.mark.parametrize("name", BOB)
def test_bob_searches(name):
    curve = read_scores([DATA / name]).curve(identification=True)
    assert (curve.mated, curve.non_mated, curve.enrolled_counts) == (18, 12, (12, 12, 12))
    for threshold, (first, last, alarms) in BOB[name]["dir"].items():
        assert 18 - curve.fnir(threshold, 1).numerator == first
        assert 18 - curve.fnir(threshold, 12).numerator == last
        assert curve.fpir(threshold).numerator == alarms


def test_bob_csv_is_the_five_columns(tmp_path):
    rows = [line.split() for line in (DATA / "scores-5.txt").read_text().splitlines()]
    head = "probe_template_id,probe_subject_id,bio_ref_template_id,bio_ref_subject_id,probe_attack_type,score"
    lines = [f"{probe},{real},{model},{claimed},,{score}" for claimed, model, real, probe, score in rows]
    for name, header in (("a.csv", head), ("b.csv", head.replace("probe_template_id", "probe_key"))):
        (tmp_path / name).write_text("\n".join([header, *lines, "q9,S00,m,S01,print,0.99"]) + "\n")
        found = read_scores([tmp_path / name])
        assert found.notes == ("1 presentation attacks were left out",)
        whole = read_scores([DATA / "scores-5.txt"])
        ours, theirs = (each.curve(identification=True) for each in (found, whole))
        assert np.array_equal(ours.mated_scores, theirs.mated_scores)
        assert np.array_equal(ours.mated_ranks, theirs.mated_ranks)
        assert np.array_equal(ours.non_mated_top_scores, theirs.non_mated_top_scores)


def test_pyeer_verification():
    """pyeer 0.5.6 on gen.txt and imp.txt (`get_eer_stats`)."""
    curve = read_scores([DATA / "gen.txt", DATA / "imp.txt"]).curve()
    equal = curve.eer()
    assert equal.value == pytest.approx(0.01025, abs=1e-12)
    assert (equal.fmr.value, equal.fnmr.value) == (pytest.approx(0.0105), pytest.approx(0.01))
    # FMR100 at 0.329 and FMR1000 at 0.414: the same thresholds, the same misses.
    for target, theirs, fnmr in ((0.01, 0.329, 0.013333333333333334), (0.001, 0.414, 0.06666666666666667)):
        assert curve.fnmr(theirs).value == pytest.approx(fnmr, abs=1e-15)
        low, high = curve.threshold_interval(max_fmr=target)
        if curve.fmr(theirs).value <= target:
            assert low < theirs <= high
    # ZeroFMR: 0.49.
    low, _ = curve.threshold_interval(max_fmr=0.0)
    assert low < 0.49
    assert curve.fnmr(0.49).value == pytest.approx(0.15333333333333332)


def test_pyeer_cmc():
    """pyeer 0.5.6 `get_cmc_curve` on the same files, one mate a query."""
    curve = read_scores([DATA / "cmc_scores.txt"], truth=DATA / "cmc_truth.txt").curve()
    theirs = [0.32, 0.48, 0.68, 0.80, 0.80, 0.88, 0.88, 0.92, 0.96]
    assert curve.cmc()[:9].tolist() == [round(25 * share) for share in theirs]


def test_pyeer_counts_a_query_with_two_mates_twice():
    """With a second mate for five queries pyeer reaches 1.0 at rank 4; we count a query once, by its best."""
    curve = read_scores([DATA / "cmc_scores.txt"], truth=DATA / "cmc_truth_several.txt").curve()
    theirs = [0.4, 0.64, 0.84, 1.0]
    found = curve.cmc()
    assert curve.mated == 25
    assert all(ours <= round(25 * share) for ours, share in zip(found, theirs, strict=False))
    assert found[3] < 25


def test_pyeer_histogram(tmp_path):
    (tmp_path / "hist.txt").write_text("9130\n58\n251\n")
    (tmp_path / "gen.txt").write_text("2\n5\n")
    curve = read_scores([tmp_path / "gen.txt", tmp_path / "hist.txt"], form="pyeer-hist").curve()
    assert [curve.fmr(t).numerator for t in (0, 1, 2, 3)] == [9439, 309, 251, 0]
