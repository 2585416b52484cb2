"""Arrays, tables, guesses, refusals, the accumulator and claims."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.cli import run
from biomatch.curves.build import identification_curve, verification_curve
from biomatch.errors import BiomatchError, ResultsError, SettingsError
from biomatch.scorefiles import ScoreAccumulator, accumulate, read_scores
from biomatch.scorefiles.accumulator import BINS, _bin, _edge
from biomatch.tuning.claims import MET, NOT_MET, NOT_SHOWN, claims_of, judge, parse

RNG = np.random.default_rng(2)
MATED, OTHER = RNG.normal(3, 1, 200), RNG.normal(0, 1, 5000)


def same(curve):
    assert np.array_equal(np.sort(curve.mated_scores), np.sort(MATED))
    assert np.array_equal(np.sort(curve.non_mated_scores), np.sort(OTHER))


def test_arrays_and_tables_say_the_same(tmp_path):
    np.save(tmp_path / "m.npy", MATED)
    np.save(tmp_path / "o.npy", OTHER)
    same(read_scores([tmp_path / "m.npy", tmp_path / "o.npy"]).curve())
    np.savez(tmp_path / "a.npz", mated_scores=MATED, non_mated_scores=OTHER)
    same(read_scores([tmp_path / "a.npz"]).curve())
    labels = np.r_[np.ones(MATED.size), np.zeros(OTHER.size)]
    np.savez(tmp_path / "b.npz", scores=np.r_[MATED, OTHER], label=labels)
    same(read_scores([tmp_path / "b.npz"]).curve())
    frame = pl.DataFrame(
        {
            "score": np.r_[MATED, OTHER],
            "mated": labels.astype(bool),
            "subject": np.arange(labels.size) // 2,
            "sex": np.where(np.arange(labels.size) % 2, "f", "m"),
        }
    )
    frame.write_parquet(tmp_path / "c.parquet")
    frame.write_csv(tmp_path / "c.csv")
    for name in ("c.parquet", "c.csv"):
        curve = read_scores([tmp_path / name]).curve()
        same(curve)
        assert np.unique(curve.mated_subjects).size == 100
        assert set(curve.mated_strata) == {"sex"}
    lines = [f"1 {x!r}" for x in MATED.tolist()] + [f"-1\t {x!r}" for x in OTHER.tolist()]
    (tmp_path / "two.txt").write_text("\n".join(lines) + "\n")
    same(read_scores([tmp_path / "two.txt"]).curve())


def test_searches_in_a_table(tmp_path):
    frame = pl.DataFrame(
        {
            "mated": ["1", "1", "0", "0"],
            "mate_score": ["0.9", "", "", ""],
            "mate_rank": ["1", "", "", ""],
            "top_score": ["0.9", "0.3", "0.4", ""],
            "port": ["A", "B", "A", "B"],
            "enrolled_count": ["10", "20", "30", "40"],
        }
    )
    frame.write_csv(tmp_path / "s.csv")
    curve = read_scores([tmp_path / "s.csv"]).curve()
    assert (curve.fnir(0.5).numerator, curve.fpir(0.35).numerator) == (1, 1)
    assert curve.enrolled_counts == (25, 10, 40)
    assert set(curve.by("port")) == {"A", "B"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "a b q 0.1\na b q\n", r"line 2: 3 columns"),
        ("a.txt", "a b q 0.1\n\na b r 0.2\n", r"line 2"),
        ("a.txt", "a b q 0.1\na b r x\n", r"line 2: score 'x'"),
        ("a.txt", "a b q 0.1\na b r inf\n", r"line 2: score inf"),
        ("a.txt", "a b q 0.1\na;b;r;0.2\n", r"line 2: 1 columns.*mixed delimiters"),
        ("a.txt", "a b q 0.1\na c q 0.2\n", r"one class only: no mated"),
        ("a.txt", "", r"begins with ''"),
        ("a.csv", "score,mated\n0.5,1\nx,0\n", r"line 3: score is 'x'"),
        ("a.csv", "score,mated\n0.5,maybe\n0.1,0\n", r"line 2: mated is 'maybe'"),
        ("a.csv", "marks,mated\n0.5,1\n", r"lacks the column 'score'"),
        ("a.txt", "1 0.1\n1 0.2\n0 0.8\n0 0.9\n", r"--distances"),
    ],
)
def test_bad_files_name_the_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(BiomatchError, match=message):
        read_scores([tmp_path / name]).curve(identification=False)


def test_doubled_pairs_and_two_faced_probes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a a q 0.9\nb a q 0.1\na a q 0.8\n")
    with pytest.raises(BiomatchError, match="more than once"):
        read_scores([path]).curve(identification=True)
    path.write_text("a a q 0.9\nb c q 0.1\n")
    with pytest.raises(BiomatchError, match="2 real ids"):
        read_scores([path]).curve(identification=True)


def test_distances_are_negated_when_they_are_called_so(tmp_path):
    (tmp_path / "a.txt").write_text("1 0.1\n1 0.2\n0 0.8\n0 0.9\n")
    assert read_scores([tmp_path / "a.txt"], distances=True).curve().eer().value == 0.0


# --- the accumulator -----------------------------------------------------------------------------------

numbers = st.lists(st.floats(-1e6, 1e6, width=32), max_size=60)


@given(numbers, numbers, st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_merged_parts_equal_the_whole(one, two, tail):
    first, second, whole = (ScoreAccumulator(tail=tail) for _ in range(3))
    first.add(one)
    second.add(two)
    whole.add(one + two)
    first.merge(second)
    for ours, theirs in zip(first.state(), whole.state(), strict=True):
        assert np.array_equal(ours, theirs)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=50))
@settings(deadline=None, max_examples=100)
def test_bins_follow_the_numbers(values):
    ordered = np.sort(np.array(values))
    bins = _bin(ordered)
    assert (np.diff(bins.astype(np.int64)) >= 0).all()
    assert bins.max() < BINS
    for value, number in zip(ordered, bins, strict=True):
        assert _edge(int(number)) <= value < _edge(int(number) + 1)


@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.01, 0.3, 0.9, 1.0])
def test_accumulated_threshold(rate):
    found = accumulate(np.array_split(OTHER, 7), tail=100)
    threshold = found.threshold(max_rate=rate)
    low, _ = verification_curve(MATED, OTHER).threshold_interval(max_fmr=rate)
    assert (threshold <= OTHER).sum() <= rate * OTHER.size
    if rate * OTHER.size < 100:
        assert low < threshold
        assert (threshold <= OTHER).sum() == (low < OTHER).sum()
    elif rate < 1:
        assert low < threshold <= low + abs(low) * 2.0**-10 + 1e-9
    low, high = found.accepted(threshold)
    assert low <= (threshold <= OTHER).sum() <= high


def test_accumulator_keeps_failed_trials():
    found = accumulate([[-np.inf, 0.5], [0.1]])
    assert found.total == 3
    assert found.accepted(-1.0) == (2, 2)
    with pytest.raises(ResultsError, match="NaN"):
        found.add([np.nan])


# --- claims --------------------------------------------------------------------------------------------


def test_three_verdicts():
    rng = np.random.default_rng(9)
    good = identification_curve(
        rng.normal(8, 1, 2000), np.ones(2000, int), rng.normal(size=20000), enrolled_count=9
    )
    poor = identification_curve(
        rng.normal(2, 1, 2000), np.ones(2000, int), rng.normal(size=20000), enrolled_count=9
    )
    few = identification_curve(
        rng.normal(8, 1, 100), np.ones(100, int), rng.normal(size=20000), enrolled_count=9
    )
    claim = parse("fnir<=0.01@fpir=0.001")
    assert [judge(claim, curve).verdict for curve in (good, poor, few)] == [MET, NOT_MET, NOT_SHOWN]
    assert judge(parse("fpir<=0.001"), good).verdict == MET
    assert judge(parse("fpir<=0.0001"), good).verdict == NOT_SHOWN  # 29,956 searches are needed
    assert judge(parse("fpir<=0.4@threshold=0"), good).verdict == NOT_MET
    with pytest.raises(ResultsError, match="comparisons"):
        judge(parse("fnmr<=0.1@fmr=0.1"), good)


@pytest.mark.parametrize(
    "bad", ["fnir<=0.01", "fnir<=2@fpir=0.1", "fnmr<=0.1@fpir=0.1", "x<=1", "fpir(1)<=0.1"]
)
def test_bad_claims(bad):
    with pytest.raises(SettingsError, match="claim"):
        parse(bad)


def test_built_in_sets_cite_their_source():
    for name in ("ees", "sp800-63-4"):
        assert all(claim.source for claim in claims_of(name))


def test_command_line(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", mated_scores=MATED + 5, non_mated_scores=OTHER)
    file = str(tmp_path / "a.npz")
    assert run(["scores", file, "--max-fmr", "0.01", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["guarantee"]["bound"] <= 0.01
    assert shown["fmr"]["numerator"] == 50
    assert shown["threshold"] < shown["guarantee"]["threshold"]
    assert run(["scores", file, "--assert", "fnmr<=0.05@fmr=0.01"]) == 0
    assert run(["scores", file, "--assert", "fnmr<=0.05@fmr=0.0001"]) == 1
    assert "NOT SHOWN" in capsys.readouterr().out
    assert run(["scores", file, "--assert", "sp800-63-4"]) in (0, 1)
    said = capsys.readouterr().out
    assert said.count("\n  NIST SP 800-63A-4, 3.1.11, requirement 8: ") == 2
    assert said.count("\n  NIST SP 800-63B-4, 3.2.3: ") == 1
    assert run(["scores", file, "--max-fpir", "0.01"]) == 2
    assert run(["scores", str(tmp_path / "none.txt")]) == 2
    assert "none.txt" in capsys.readouterr().err


def test_big_files_are_not_sorted(tmp_path, capsys, monkeypatch):
    from biomatch.cli.scoring import scored

    monkeypatch.setattr(scored, "BIG", 1000)
    np.save(tmp_path / "m.npy", MATED)
    np.save(tmp_path / "o.npy", OTHER)
    assert (
        run(["scores", str(tmp_path / "m.npy"), str(tmp_path / "o.npy"), "--max-fmr", "0.01", "--json"]) == 0
    )
    shown = json.loads(capsys.readouterr().out)
    assert shown["curve"] is None
    assert shown["eer"] is None
    assert shown["fmr"]["numerator"] == 50
