"""What people really hand in: each message names the line and what to do."""

import json

import numpy as np
import polars as pl
import pytest

from biomatch.cli import run
from biomatch.errors import BiomatchError
from biomatch.scorefiles import read_scores

SEARCHES = "mated,mate_score,mate_rank,top_score\n1,0.9,1,0.9\n"
LOG = "searchId candidateRank searchRetCode isAssigned templateId score decision\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "0.5\n0.1\n", r"line 1: a score without a label, '0\.5'.*two files.*which comparisons"),
        ("a.csv", "score\n0.5\n", r"a\.csv lacks the column 'mated'"),
        ("a.csv", "score,mated\n0.5,\n", r"line 2: mated is ''"),
        ("a.csv", "score;mated\n0.5;1\n", r"line 1: 'score;mated' is separated by semicolons.*commas"),
        ("a.csv", "score\tmated\n0.5\t1\n", r"line 1: .* is separated by tabs"),
        ("a.csv", "score,mated\n0.5,1\n0.1;0\n", r"line 3: score is '0\.1;0' \(mixed delimiters\?\)"),
        ("a.csv", "score,mated,subject\n0.5,1,x\n0.1,0,\n", r"line 3: subject is empty.*clusters"),
        ("a.csv", "score,mated\n0.5,1\nNaN,0\n", r"line 3: score is 'NaN'; allowed: a finite number"),
        ("a.csv", "score,mated\n0.5,1\n-inf,0\n", r"line 3: score is '-inf'"),
        ("a.csv", "score,mated\n\xff\xfe,1\n", r"not text|line 2"),
        ("s.csv", SEARCHES + "0,0.5,1,0.5\n", r"line 3: a non-mated search has a mate .*mate_score '0\.5'"),
        ("s.csv", SEARCHES + "1,0.8,1.5,0.9\n", r"line 3: mate_rank is no whole number"),
        ("s.csv", SEARCHES + "1,0.8,-1,0.9\n", r"line 3: mate_rank is no whole number"),
        ("s.csv", SEARCHES + "1,,2,0.9\n", r"line 3: the mate has a rank and no score"),
        ("s.csv", SEARCHES + "1,0.8,2,0.3\n", r"line 3: mate_score lies above top_score.*--distances"),
        ("words.txt", "one two three four five six\n", r"no form that can be told.*--format"),
    ],
)  # fmt: skip
def test_the_line_and_what_to_do(tmp_path, capsys, name, text, message):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BiomatchError, match=message):
        read_scores([path]).curve()
    assert run(["scores", str(path), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("label", [np.array([1.0, np.nan]), np.array([1, 2]), np.array([1, 0, 1])])
def test_labels_of_arrays_are_not_guessed(tmp_path, label):
    np.savez(tmp_path / "a.npz", scores=np.array([0.9, 0.1]), label=label)
    with pytest.raises(BiomatchError, match="label"):
        read_scores([tmp_path / "a.npz"]).curve()


def test_minus_one_is_the_other_class(tmp_path):
    np.savez(tmp_path / "a.npz", scores=np.array([0.9, 0.1, 0.2]), label=np.array([1, -1, -1]))
    assert read_scores([tmp_path / "a.npz"]).curve().non_mated_scores.tolist() == [0.1, 0.2]


def test_a_missing_subject_in_parquet(tmp_path):
    frame = pl.DataFrame({"score": [0.9, 0.1], "mated": [1, 0], "subject": ["a", None]})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(BiomatchError, match="line 3: subject is empty"):
        read_scores([tmp_path / "a.parquet"]).curve()


def test_a_truth_that_says_it_twice(tmp_path):
    (tmp_path / "log").write_text(LOG + "1 0 0 1 t1 0.9 1\n2 0 0 1 t2 0.3 0\n")
    for second in ("1 t1", "2 none"):
        (tmp_path / "map").write_text(f"1 t1\n2 none\n{second}\n")
        with pytest.raises(BiomatchError, match=r"map, line 3: search \d has \w+ again.*line \d already"):
            read_scores([tmp_path / "log"], truth=tmp_path / "map")


def test_mates_in_no_list_and_what_looks_like_distances_are_noted(tmp_path, capsys):
    (tmp_path / "log").write_text(
        LOG + "1 0 0 1 t1 0.1 1\n2 0 0 1 t2 0.4 0\n3 0 0 1 t3 0.5 0\n4 0 0 1 t4 0.2 0\n"
    )
    (tmp_path / "map").write_text("1 t1\n2 none\n3 none\n4 t9\n")
    command = ["scores", str(tmp_path / "log"), "--truth", str(tmp_path / "map"), "--json"]
    assert run(command) == 0
    shown = capsys.readouterr()
    taken, first, second = json.loads(shown.out)["notes"]
    assert taken.startswith("taken for frte")
    assert first == "1 of 2 mates are in no list: they are misses at ranks up to L"
    assert "give --distances" in second
    assert first in shown.err


def test_distances_of_searches_are_negated(tmp_path):
    """Four forms of the same searches, as similarities and as distances."""
    mated, other = np.array([0.9, 0.8, 0.3]), np.array([0.5, 0.4])

    def curves(sign):
        rows = [f"1,{sign * s},1,{sign * s}" for s in mated] + [f"0,,,{sign * s}" for s in other]
        (tmp_path / "s.csv").write_text("\n".join(["mated,mate_score,mate_rank,top_score", *rows]) + "\n")
        np.savez(tmp_path / "s.npz", mated_scores=sign * mated, mated_ranks=np.ones(3, int),
                 non_mated_top_scores=sign * other, enrolled_count=np.array([7]))  # fmt: skip
        named = [(f"s{k}", f"s{k}", s) for k, s in enumerate(mated)] + [("s0", "x", s) for s in other]
        (tmp_path / "bob.txt").write_text(
            "".join(f"{claimed} {real} q{k} {sign * s}\n" for k, (claimed, real, s) in enumerate(named))
        )
        lines = (f"{k} 0 0 1 {claimed} {sign * s} 1\n" for k, (claimed, _, s) in enumerate(named))
        (tmp_path / "log").write_text(LOG + "".join(lines))
        (tmp_path / "map").write_text("0 s0\n1 s1\n2 s2\n3 none\n4 none\n")
        for name, truth in (("s.csv", None), ("s.npz", None), ("bob.txt", None), ("log", tmp_path / "map")):
            found = read_scores([tmp_path / name], truth=truth, distances=sign < 0, enrolled=7)
            yield name, found.curve(identification=True)

    as_similarities = dict(curves(1))
    for name, curve in curves(-1):
        ours = as_similarities[name]
        assert np.sort(curve.mated_scores).tolist() == np.sort(ours.mated_scores).tolist() == [0.3, 0.8, 0.9]
        assert np.sort(curve.non_mated_top_scores).tolist() == [0.4, 0.5]
        assert curve.mated_ranks.tolist() == ours.mated_ranks.tolist()
        assert ours.enrolled_counts[0] == (1 if name == "bob.txt" else 7)


def test_ascending_distances_in_a_log(tmp_path):
    (tmp_path / "log").write_text(LOG + "1 0 0 1 t1 0.1 1\n1 1 0 1 t2 0.4 0\n2 0 0 1 t2 0.3 0\n")
    (tmp_path / "map").write_text("1 t1\n2 none\n")
    with pytest.raises(BiomatchError, match=r"line 3: score 0\.4 is higher .*--distances"):
        read_scores([tmp_path / "log"], truth=tmp_path / "map")
    curve = read_scores([tmp_path / "log"], truth=tmp_path / "map", distances=True).curve()
    assert curve.mated_scores.tolist() == [-0.1]
    (tmp_path / "log").write_text(LOG + "1 0 0 1 t1 0.9 1\n1 1 0 1 t2 0.4 0\n2 0 0 1 t2 0.3 0\n")
    with pytest.raises(BiomatchError, match=r"line 3: score 0\.4 is lower .*are they distances"):
        read_scores([tmp_path / "log"], truth=tmp_path / "map", distances=True)
