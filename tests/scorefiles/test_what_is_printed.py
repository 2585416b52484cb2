"""What is printed, applied to the same file, gives the printed counts: text, JSON, claims, points on disk."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.cli import run
from biomatch.curves.build import identification_curve, verification_curve
from biomatch.policy import OperatingPoint
from biomatch.tuning.guarantee import guarantee

KINDS = st.sampled_from(["ties", "integers", "huge", "tiny", "saturated", "negative", "single"])
TARGETS = st.sampled_from([0.0, 0.01, 0.05, 0.1, 1 / 3, 0.9, 1.0])


def drawn(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mated, other = random.normal(2, 1, 30), random.normal(0, 1, 60)
    made = {
        "ties": lambda x: np.round(x, 1),
        "integers": lambda x: np.round(40 * x + 100),
        "huge": lambda x: x * 1e300,
        "tiny": lambda x: x * 1e-300,
        "saturated": lambda x: np.clip(x, -0.5, 1.0),
        "negative": lambda x: x - 50.0,
        "single": lambda x: x.astype(np.float32),
    }[kind]
    return made(mated), made(other)


@settings(max_examples=150, deadline=None)
@given(KINDS, st.integers(0, 10_000), TARGETS, st.booleans())
def test_a_threshold_read_back_gives_its_counts(kind, seed, target, distances):
    mated, other = drawn(kind, seed)
    sign = -1 if distances else 1
    curve = verification_curve(sign * mated, sign * other, distances=distances)
    shown = repr(curve.threshold(max_fmr=target))
    accepts = (lambda s, t: s <= t) if distances else (lambda s, t: s >= t)
    back = float(shown)
    assert int(accepts(sign * other, back).sum()) == curve.fmr(back).numerator <= target * other.size
    assert int((~accepts(sign * mated, back)).sum()) == curve.fnmr(back).numerator
    # The lowest cut: a step further refuses one non-mated score less than the target forbids.
    with np.errstate(over="ignore"):
        narrow = [(sign * part).astype(np.float32) for part in (mated, other)]
        told_apart = (
            np.unique(np.r_[mated, other].astype(np.float32)).size == np.unique(np.r_[mated, other]).size
        )
        if told_apart and np.isfinite(np.concatenate(narrow)).all():
            assert int(accepts(narrow[1], np.float32(shown)).sum()) == curve.fmr(back).numerator
            assert int((~accepts(narrow[0], np.float32(shown))).sum()) == curve.fnmr(back).numerator


@settings(max_examples=60, deadline=None)
@given(KINDS, st.integers(0, 10_000))
def test_guarantees_searches_and_equal_errors_read_back_too(kind, seed):
    mated, other = drawn(kind, seed)
    held = guarantee(other, None, target=0.2, measure="FMR", others=mated)
    assert int((other >= float(repr(held.threshold))).sum()) == held.realised.numerator
    equal = verification_curve(mated, other).eer()
    assert int((other >= equal.threshold).sum()) == equal.fmr.numerator
    assert int((mated < equal.threshold).sum()) == equal.fnmr.numerator
    searches = identification_curve(mated, np.ones(mated.size, dtype=int), other, enrolled_count=9)
    at = searches.threshold(max_fpir=0.1)
    assert int((other >= at).sum()) == searches.fpir(at).numerator <= 6


def write(folder, mated, other):
    for name, part in (("m.txt", mated), ("n.txt", other)):
        (folder / name).write_text("".join(f"{score}\n" for score in part))
    return [str(folder / "m.txt"), str(folder / "n.txt")]


def test_thirty_is_not_printed_as_twenty(tmp_path, capsys):
    files = write(tmp_path, [30] * 200, [10] * 900 + [20] * 100)
    assert run(["scores", *files, "--max-fmr", "0.05"]) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"threshold (\S+)", shown) == ["30", "30:"]
    assert run(["scores", *files, "--max-fmr", "0.05", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["threshold"], told["guarantee"]["threshold"]) == (30, 30)
    assert np.float32(told["threshold"]) > np.float32(20)
    assert told["fmr"]["numerator"] == 0


def test_saturated_scores_leave_refusing_all(tmp_path, capsys):
    files = write(tmp_path, [1.0] * 450, [1.0] * 3 + [0.25] * 997)
    assert run(["scores", *files, "--max-fmr", "0.001"]) == 0
    shown = capsys.readouterr().out
    assert "threshold 2 (point estimate)" in shown
    assert "no threshold below 'refuse all' meets FMR <= 0.001" in shown
    assert run(["scores", *files, "--max-fmr", "0.001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refuses_all"] is True


def test_a_point_on_disk_decides_as_printed(tmp_path, capsys):
    random = np.random.default_rng(1)
    mated, other = (
        random.normal(0.6, 0.1, 300).astype(np.float32),
        random.normal(0, 0.1, 3000).astype(np.float32),
    )
    np.save(tmp_path / "m.npy", mated)
    np.save(tmp_path / "n.npy", other)
    command = ["scores", str(tmp_path / "m.npy"), str(tmp_path / "n.npy"), "--max-fmr", "0.01", "--json"]
    assert run([*command, "--out", str(tmp_path / "p.json")]) == 0
    told = json.loads(capsys.readouterr().out)
    point = OperatingPoint.read(tmp_path / "p.json")
    assert point.face_threshold == told["guarantee"]["threshold"]
    assert (
        int((other >= np.float32(point.face_threshold)).sum()) == told["guarantee"]["realised"]["numerator"]
    )


def test_distances_keep_their_unit_and_direction(tmp_path, capsys):
    lines = [f"1 {x}" for x in (0.10, 0.15, 0.20)] + [f"0 {x}" for x in (0.30, 0.35, 0.60, 0.70, 0.80)]
    (tmp_path / "d.txt").write_text("\n".join(lines) + "\n")
    command = ["scores", str(tmp_path / "d.txt"), "--distances", "--json"]
    assert run([*command, "--assert", "fmr<=0.5@threshold=0.9"]) == 1
    told = json.loads(capsys.readouterr().out)
    (claim,) = told["claims"]
    assert (claim["verdict"], claim["rate"]["numerator"], claim["rate"]["denominator"]) == ("not met", 5, 5)
    assert told["direction"].startswith("distance")
    assert told["curve"]["thresholds"] == sorted(told["curve"]["thresholds"], reverse=True)
    assert all(one >= 0 for one in told["curve"]["thresholds"][1:])
    assert run([*command, "--max-fmr", "0"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["threshold"], told["threshold_interval"]) == (0.2, [None, 0.3])
    assert (told["fmr"]["numerator"], told["fnmr"]["numerator"]) == (0, 0)


def test_a_distance_is_no_point_for_a_system(tmp_path, capsys):
    random = np.random.default_rng(2)
    files = write(tmp_path, random.normal(0.3, 0.05, 50), random.normal(1.0, 0.1, 400))
    command = ["scores", *files, "--distances", "--max-fmr", "0.05"]
    assert run([*command, "--out", str(tmp_path / "p.json")]) == 2
    assert "higher is closer" in capsys.readouterr().err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--confidence", "95"), ("--confidence", "1"), ("--confidence", "nan"), ("--max-fmr", "5"),
     ("--max-fmr", "nan"), ("--cap", "1.5"), ("--gallery", "0"), ("--enrolled", "-3")],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused_in_a_line(tmp_path, capsys, option, value):
    files = write(tmp_path, [1, 2], [0, 0.5])
    assert run(["scores", *files, option, value]) == 2
    said = capsys.readouterr().err
    assert option in said
    assert "allowed" in said
    assert said.count("\n") == 1


def test_an_option_given_twice_is_refused(tmp_path, capsys):
    files = write(tmp_path, [1, 2], [0, 0.5])
    assert run(["scores", *files, "--max-fmr", "0.5", "--max-fmr", "0.1"]) == 2
    assert "--max-fmr was given 2 times" in capsys.readouterr().err
    assert run(["scores", *files, "--assert", "fmr<=0.99", "--assert", "fmr<=0.98", "--json"]) in (0, 1)
