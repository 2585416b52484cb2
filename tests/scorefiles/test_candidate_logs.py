"""FRTE 1:N candidate logs with a mate map."""

import numpy as np
import pytest

from biomatch.errors import BiomatchError, ResultsError
from biomatch.scorefiles import read_scores

HEAD = "searchId candidateRank searchRetCode isAssigned templateId score decision\n"
LOG = HEAD + (
    "12 0 0 1 11 0.913 1\n12 1 0 1 57 0.402 1\n"  # mated, hit
    "13 0 0 1 57 0.61 1\n13 1 0 1 13 0.6 1\n"  # mated, outranked
    "14 0 2 0  0 0\n14 1 2 0  0 0\n"  # failed
    "15 0 0 1 57 0.5 0\n15 1 0 1 58 0.45 0\n"  # mated, mate not in a full list
    "16 0 0 1 58 0.7 0\n16 1 0 0  0 0\n"  # non-mated, short list
    "17.1 0 0 0  0 0\n17.1 1 0 0  0 0\n"  # non-mated, empty list
)
MAP = "12 11\n13 13 131\n14 99\n15 15\n16 none\n17.1 none\n"


def curve_of(tmp_path, log=LOG, mates=MAP, **more):
    (tmp_path / "log").write_text(log)
    (tmp_path / "map").write_text(mates)
    return read_scores([tmp_path / "log"], truth=tmp_path / "map", **more).curve()


def test_every_kind_of_search(tmp_path):
    curve = curve_of(tmp_path, enrolled=60)
    assert (curve.mated, curve.non_mated, curve.list_length) == (3, 2, 2)
    assert (curve.mated_failures, curve.non_mated_failures) == (1, 0)
    assert curve.enrolled_counts == (60, 60, 60)
    assert curve.mated_ranks.tolist() == [1, 2, 0]
    assert curve.mated_scores.tolist() == [0.913, 0.6, -np.inf]
    assert curve.non_mated_top_scores.tolist() == [0.7, -np.inf]
    assert curve.mates_known_above == 0.45
    assert (curve.fnir(0.55).numerator, curve.fnir(0.55, 1).numerator) == (1, 2)
    with pytest.raises(ResultsError, match=r"above 0\.45"):
        curve.fnir(0.45)
    assert curve.fnir(0.45, 2).numerator == 1
    assert curve.fpir(0.0).numerator == 1  # the empty list accepts nothing at any threshold
    assert curve.system_miss_rate(0.55).numerator == 2


def test_truth_with_header_and_subjects(tmp_path):
    mates = "search_id,mate,subject\n12,11,A\n13,13,A\n14,99,B\n15,15,C\n16,none,D\n17.1,none,D\n"
    curve = curve_of(tmp_path, mates=mates)
    assert curve.mated_subjects[0] == curve.mated_subjects[1] != curve.mated_subjects[2]
    assert curve.non_mated_subjects[0] == curve.non_mated_subjects[1]


@pytest.mark.parametrize(
    ("log", "mates", "message"),
    [
        (LOG.replace("12 1 0", "12 0 0"), MAP, r"line 3: search 12 has rank 0 again.*line 2"),
        (LOG.replace("0.402", "0.99"), MAP, r"line 3: score 0\.99 is higher"),
        (LOG.replace("0.402", "abc"), MAP, r"line 3: score 'abc' is no number"),
        (LOG.replace("0.402", "nan"), MAP, r"line 3: score nan"),
        (LOG.replace("12 1 0 1 57 0.402 1", "12 1 0 1 57 0.402"), MAP, r"line 3: 6 columns"),
        (LOG.replace("12 1 0 1 57 0.402 1", "12,1,0,1,57,0.402,1"), MAP, r"line 3: 1 columns .*mixed"),
        (LOG.replace(HEAD, "id rank\n"), MAP, r"line 1: header 'id rank'"),
        (LOG, MAP.replace("12 11\n", ""), r"line 2: search 12 is not in the truth"),
        (LOG, MAP + "18 none\n", r"search 18 of the truth \(1 in all\) is not in"),
        (LOG, MAP.replace(" 11", " 911").replace(" 13 131", " 913"), r"none of the 3 mated searches"),
        (LOG, MAP.replace("16 none", "16"), r"line 5: '16'"),
        (LOG, MAP + "12 none\n", r"search 12 has a mate and none"),
        (HEAD, MAP, r"holds no scores"),
    ],
)  # fmt: skip
def test_malformed(tmp_path, log, mates, message):
    with pytest.raises(BiomatchError, match=message):
        curve_of(tmp_path, log, mates, form="frte")


def test_a_log_without_a_truth(tmp_path):
    (tmp_path / "log").write_text(LOG)
    with pytest.raises(BiomatchError, match="without a truth"):
        read_scores([tmp_path / "log"])
