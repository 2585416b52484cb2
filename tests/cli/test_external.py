"""Another matcher answers a plan in the FRTE form and is judged like our own."""

import pytest

from biomatch.evaluation.sweep import sweep
from biomatch.tables.candidates import CandidateLists
from biomatch.worlds import open_world

HEADER = "searchId candidateRank searchRetCode isAssigned templateId score decision"


def log_of(lists, length):
    """Our own candidate lists as another matcher would write them; failed searches as null lists."""
    rows = [HEADER]
    for search, (ids, scores) in enumerate(zip(lists.reference_id, lists.score, strict=True)):
        if not lists.searches["acquired"][search]:
            rows.append(f"{search} 0 2 0  0 0")
            continue
        for rank, (number, score) in enumerate(zip(ids[:length], scores[:length], strict=True)):
            if number >= 0:
                rows.append(
                    f"{search} {rank} 0 1 {number} {score!r} 0".replace("np.float32(", "").replace(")", "")
                )
    return "\n".join(rows) + "\n"


@pytest.fixture
def answered(flow, tmp_path):
    opened = open_world(flow / "w1")
    lists = CandidateLists.read(flow / "l1", opened.observed)
    (tmp_path / "log.txt").write_text(log_of(lists, 20))
    return opened, lists, tmp_path / "log.txt"


def test_a_plan_names_references_and_searches(call, flow, tmp_path):
    answer = call("search", flow / "w1", "--plan", "--out", tmp_path / "plan", "--json")
    assert answer.code == 0
    assert answer.json["searches"] > 100
    for name in ("references", "searches"):
        assert (tmp_path / "plan" / f"{name}.csv").exists()
        assert (tmp_path / "plan" / f"{name}.parquet").exists()


def test_our_own_lists_written_by_another_give_our_own_rates(call, flow, answered, tmp_path):
    opened, lists, log = answered
    words = ["evaluate", log, flow / "w1", "--format", "frte", "--system", "default"]
    curve_only = call(*words, "--out", tmp_path / "curve", "--json")
    assert curve_only.code == 0, curve_only.err
    own = sweep(lists, opened.truth)
    assert curve_only.json["mated_searches"] == own.mated
    assert curve_only.json["non_mated_searches"] == own.non_mated
    assert curve_only.json["rank_one_miss"]["numerator"] == own.fnir(float("-inf"), rank=1).numerator
    refused = call(*words, "--at", flow / "point.json", "--out", tmp_path / "r")
    assert refused.code == 2  # the point was tuned on this very world
    assert "lineage" in refused.err
    asked = call(*words, "--at", flow / "point.json", "--resubstitution", "--out", tmp_path / "r", "--json")
    assert asked.code == 0, asked.err
    threshold = asked.json["threshold"]
    assert asked.json["fpir"]["numerator"] == own.fpir(threshold).numerator
    assert asked.json["fnir"]["numerator"] == own.fnir(threshold, rank=20).numerator


def test_a_silent_matcher_misses(call, flow, answered, tmp_path):
    log = answered[2]
    lines = log.read_text().splitlines()
    # An encounter is searched in two galleries, one after the other: every second pair is answered.
    half = [line for line in lines[1:] if int(line.split(" ")[0]) // 2 % 2]
    log.write_text("\n".join([HEADER, *half]) + "\n")
    answer = call(
        "evaluate",
        log,
        flow / "w1",
        "--format",
        "frte",
        "--system",
        "default",
        "--out",
        tmp_path / "c",
        "--json",
    )
    assert answer.code == 0, answer.err
    miss = answer.json["rank_one_miss"]
    assert 0.3 < miss["value"] < 0.7


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("99999999 0 0 1 0 0.5 0", "not in the plan"),
        ("0 0 0 1 99999999 0.5 0", "not in the plan"),
        ("0 0 0 1 x 0.5 0", "not in the plan"),
    ],
)
def test_answers_to_what_was_not_asked_are_refused(call, flow, tmp_path, line, message):
    (tmp_path / "log.txt").write_text(f"{HEADER}\n{line}\n")
    answer = call(
        "evaluate", tmp_path / "log.txt", flow / "w1", "--format", "frte", "--system", "default",
        "--out", tmp_path / "c",
    )  # fmt: skip
    assert answer.code == 2
    assert message in answer.err
    assert "line 2" in answer.err
