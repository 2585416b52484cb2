"""Forms that users hand in: each is recognised by all of its lines, or refused where two readings fit."""

from __future__ import annotations

import gzip
import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from biomatch.cli import run
from biomatch.curves import separation
from biomatch.errors import BiomatchError
from biomatch.scorefiles import read_scores

TRIALS = [("e1", "t1", "target", 0.9), ("e1", "t2", "nontarget", 0.2), ("e2", "t3", "nontarget", 0.1),
          ("e2", "t4", "target", 0.8), ("e2", "t5", "target", 0.7)]  # fmt: skip


def read(folder, name, text, **more):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scores([folder / name], **more)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "1 0.9\n0 0.2\n-0.0 0.1\n1 0.8\n1 0.7\n".replace("-0.0", "0")),
        ("b.txt", "0.9 1\n0.2 0\n0.1 0\n0.8 1\n0.7 1\n"),
        ("c.txt", " 0.9\tyes \n0.2   no\n0.1 no\n0.8 yes\n0.7 yes\n"),
        ("d.csv", "score, mated\n0.9, 1\n0.2, 0\n0.1, 0\n0.8, 1\n0.7, 1\n"),
        ("e.csv", "0.9,same\n0.2,different\n0.1,different\n0.8,same\n0.7,same\n"),
        ("f.txt", "\n".join(f"{e} {t} {label} {score}" for e, t, label, score in TRIALS)),
        ("g.txt", "\n".join(f"{score} {t} {label} {e}" for e, t, label, score in TRIALS)),
        ("h.csv", "label,score,test,enrol\n" + "".join(f"{w},{s},{t},{e}\n" for e, t, w, s in TRIALS)),
        ("i.txt.gz", gzip.compress(b"label score\ntarget 0.9\nnon-target 0.2\nnon-target 0.1\n"
                                   b"target 0.8\ntarget 0.7\n", mtime=0)),
        ("j.txt", "bona target 0.9\nbona nontarget 0.2\nA07 spoof 3.3\nbona nontarget 0.1\n"
                  "bona target 0.8\nbona target 0.7\n"),
    ],
)  # fmt: skip
def test_one_list_in_many_forms(tmp_path, name, text):
    found = read(tmp_path, name, text)
    curve = found.curve()
    assert sorted(curve.mated_scores.tolist()) == [0.7, 0.8, 0.9]
    assert sorted(curve.non_mated_scores.tolist()) == [0.1, 0.2]
    assert "score" in found.taken_for


def test_zstandard_and_parquet(tmp_path):
    frame = pl.DataFrame({"y_score": [0.9, 0.2, 0.1], "y_true": [1, 0, 0]})
    frame.write_csv(tmp_path / "a.csv.zst", compression="zstd")
    frame.write_parquet(tmp_path / "a.parquet")
    for name in ("a.csv.zst", "a.parquet"):
        assert read_scores([tmp_path / name]).curve().non_mated_scores.tolist() == [0.2, 0.1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "1 1\n0 0\n1 0\n0 1\n", "can be read in 2 ways"),
        ("a.txt", "1 0.9\n2 0.1\n", r"line 2: label '2'"),
        ("a.txt", "1 0.9\n0 0.1\n-1 0.3\n", "1, 0 and -1"),
        ("a.csv", "score,mated\n0.9,1\n0.1,maybe\n", r"line 3: mated is 'maybe'"),
        ("a.txt", "17 17 1 0.81\n17 18 1 0.2\n18 17 0 0.3\n", "2 ways.*--format bob-4"),
        ("a.txt", "a b 0.3\nc d 0.2\n", "no form that can be told"),
        ("a.csv", "sim,dist,mated\n0.9,0.1,1\n0.1,0.9,0\n", "which one is the score"),
        ("a.csv", "score,mated\n0.9,1\n,0\n", "--failed nan"),
    ],
)
def test_what_is_refused(tmp_path, name, text, message):
    with pytest.raises(BiomatchError, match=message):
        read(tmp_path, name, text).curve()


def test_two_files_that_hold_both_classes_are_no_pair(tmp_path, capsys):
    for name, score in (("a.txt", 0.9), ("b.txt", 0.8)):
        (tmp_path / name).write_text(f"1 {score}\n0 0.1\n")
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    assert run(["scores", *files, "--max-fmr", "0.5"]) == 2
    assert "holds both classes" in capsys.readouterr().err
    assert run(["scores", files[0], files[0]]) == 2
    assert run(["scores", files[0], "--beside", files[1], "--max-fmr", "0.5", "--json"]) == 0
    (beside,) = json.loads(capsys.readouterr().out)["beside"]
    assert beside["paired"] is False


def test_a_histogram_is_not_read_as_scores(tmp_path):
    counts = [9130, 58, 251] + [3] * 50 + [0] * 47
    (tmp_path / "m.txt").write_text("80\n90\n70\n")
    (tmp_path / "h.txt").write_text("".join(f"{count}\n" for count in counts))
    files = [tmp_path / "m.txt", tmp_path / "h.txt"]
    with pytest.raises(BiomatchError, match="--format pyeer-hist"):
        read_scores(files)
    assert read_scores(files, form="pyeer-hist").curve().non_mated_scores.size == sum(counts)
    (tmp_path / "h.txt").write_text("".join(f"{500 - 4 * k}\n" for k in range(100)))
    found = read_scores(files)  # as scores they would lie above the mated ones
    assert found.format == "pyeer-hist"
    assert "histogram" in found.taken_for


def test_failures_to_acquire_are_counted_where_the_user_says_so(tmp_path, capsys):
    text = "score,mated\n0.9,1\nnan,1\n0.8,1\n0.1,0\n,0\n0.2,0\n"
    curve = read(tmp_path, "a.csv", text, failed=["nan", "empty"]).curve()
    assert (curve.mated_failures, curve.non_mated_failures) == (1, 1)
    assert (curve.failure_to_acquire().numerator, curve.failure_to_acquire().denominator) == (2, 6)
    assert (curve.false_reject_rate(0.5).numerator, curve.false_reject_rate(0.5).denominator) == (1, 3)
    assert curve.false_accept_rate(0.15).denominator == 3
    command = ["scores", str(tmp_path / "a.csv"), "--failed", "nan", "--failed", "empty", "--max-fmr", "0.9"]
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frr"]["numerator"] == 1


def bee(kind: bytes, marker: bytes, values: np.ndarray) -> bytes:
    head = b"\n".join([kind, b"target.xml", b"query.xml", b"%s %d %d " % (marker, *values.shape)])
    return head + (0x12345678).to_bytes(4, "little") + b"\n" + values.tobytes()


def test_a_bee_matrix_with_its_mask(tmp_path):
    """The layout of openbr/core/bee.cpp: rows are queries, 0xff match, 0x7f non-match, 0 ignore."""
    scores = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.3]], dtype="<f4")
    (tmp_path / "a.mtx").write_bytes(bee(b"S2", b"MF", scores))
    (tmp_path / "a.mask").write_bytes(
        bee(b"M2", b"MB", np.array([[255, 127, 0], [127, 255, 127]], dtype="u1"))
    )
    (tmp_path / "d.mtx").write_bytes(bee(b"D2", b"MF", -scores))
    for name, sign in (("a.mtx", 1), ("d.mtx", -1)):
        curve = read_scores([tmp_path / name, tmp_path / "a.mask"]).curve()
        assert curve.mated_scores.tolist() == pytest.approx([0.9, 0.8])
        assert sorted(curve.non_mated_scores.tolist()) == pytest.approx([0.1, 0.1, 0.3])
        assert curve.distances is (sign < 0)
    (tmp_path / "cut.mtx").write_bytes(bee(b"S2", b"MF", scores)[:-4])
    with pytest.raises(BiomatchError, match="is the file whole"):
        read_scores([tmp_path / "cut.mtx", tmp_path / "a.mask"])


def test_a_matrix_with_ids_gives_comparisons_and_searches(tmp_path):
    """BSSR1's shape: every probe against every gallery entry, the mate on the diagonal."""
    random = np.random.default_rng(4)
    people = [f"s{at}" for at in range(30)]
    scores = random.normal(0, 1, (32, 30)) + 5.0 * np.eye(32, 30)
    probes = [*people, "x1", "x2"]
    frame = pl.DataFrame({"id": probes, **{name: scores[:, at] for at, name in enumerate(people)}})
    frame.write_csv(tmp_path / "m.csv")
    np.save(tmp_path / "m.npy", scores)
    (tmp_path / "rows.txt").write_text("\n".join(probes) + "\n")
    (tmp_path / "columns.txt").write_text("\n".join(people) + "\n")
    np.savez(tmp_path / "m.npz", scores=scores, probe_ids=np.array(probes), gallery_ids=np.array(people))
    for files in (["m.csv"], ["m.npz"], ["m.npy", "rows.txt", "columns.txt"]):
        found = read_scores([tmp_path / name for name in files])
        curve, searches = found.curve(identification=False), found.curve(identification=True)
        assert (curve.mated_scores.size, curve.non_mated_scores.size) == (30, 32 * 30 - 30)
        assert curve.non_mated_references is not None
        assert (searches.mated, searches.non_mated, searches.enrolled_counts) == (30, 2, (30, 30, 30))
        assert searches.fnir(-9.0, 1).numerator == int((scores[:30].argmax(axis=1) != np.arange(30)).sum())


def test_scikit_learns_arrays_and_its_answer(tmp_path):
    random = np.random.default_rng(5)
    y_true = random.integers(0, 2, 500)
    y_score = np.round(random.normal(y_true, 1.0), 1)
    np.savez(tmp_path / "a.npz", y_true=y_true, y_score=y_score)
    curve = read_scores([tmp_path / "a.npz"]).curve()
    assert separation.auc(curve).value == pytest.approx(roc_auc_score(y_true, y_score), abs=1e-9)
    np.savez(tmp_path / "b.npz", a=y_true, b=y_score)
    with pytest.raises(BiomatchError, match="--arrays"):
        read_scores([tmp_path / "b.npz"])
    named = read_scores([tmp_path / "b.npz"], array_names={"label": "a", "scores": "b"}).curve()
    assert np.array_equal(named.mated_scores, curve.mated_scores)


def test_labels_that_look_alike_are_told(tmp_path):
    found = read(tmp_path, "a.csv", "probe_subject,reference_subject,score\nA,A,0.9\nA,B,0.1\nB,b,0.2\n")
    assert any("'B' and 'b'" in note for note in found.notes)
