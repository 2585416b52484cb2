"""Rates by group: of a judged run, and of scores that somebody else produced."""

import numpy as np
import polars as pl
import pytest

from biomatch.curves.build import verification_curve
from biomatch.curves.groups import group_report
from biomatch.evaluation.cross_group import crossed
from biomatch.evaluation.result import Result
from biomatch.policy import OperatingPoint
from biomatch.system.references import references
from biomatch.worlds import open_world


def test_groups_of_a_run(call, flow):
    result, world = Result.read(flow / "e2"), open_world(flow / "w2")
    shown = call("groups", flow / "e2", flow / "w2", "--max-fpir", "0.9", "--json").json
    by_group = {row["group"]: row for row in result.by("group").to_dicts()}
    assert sum(row["fpir_denominator"] for row in shown["groups"]) == result.fpir.denominator
    for row in shown["groups"]:
        told = by_group[row["group"]]
        for name in ("fpir", "fnir", "fta"):
            assert (row[f"{name}_numerator"], row[f"{name}_denominator"]) == (
                told[f"{name}_errors"], told[f"{name}_trials"],
            )  # fmt: skip
        assert row["target"] == ("met" if row["fpir_high"] <= 0.9 else "not shown")
    cells = pl.DataFrame(shown["cross_group"])
    made = {row["group"]: row["fpir_numerator"] for row in shown["groups"] if row["fpir_denominator"]}
    rows = cells.group_by("probe_group").agg(pl.col("numerator").sum())
    assert dict(rows.iter_rows()) == made
    assert cells["numerator"].sum() == result.fpir.numerator > 0
    assert cells.equals(crossed(result, world.observed, world.truth))


def test_the_candidates_group_is_looked_up_one_by_one(flow):
    """A slow twin: every non-mated search is taken as a false positive, its best candidate found by hand."""
    result, world = Result.read(flow / "e2"), open_world(flow / "w2")
    trials = result.trials.with_columns(false_positive=~pl.col("mated") & pl.col("acquired"))
    everyone = Result(**{**result.__dict__, "trials": trials})
    table = crossed(everyone, world.observed, world.truth)
    refs = references(world.observed, result.point.system)
    observed, truth = world.observed, world.truth
    counts: dict[tuple[str, str], int] = {}
    for row in trials.filter(pl.col("counted") & pl.col("false_positive") & ~pl.col("designed")).to_dicts():
        found = refs.filter(pl.col("reference_id") == row["top_id"])
        candidate = "unknown"
        if found.height:
            template = found["template_row"][0]
            encounters = observed.encounters.filter(pl.col("template_row") == template)
            ids = truth.encounters.filter(pl.col("encounter_id").is_in(encounters["encounter_id"].to_list()))
            if not ids.height:
                document = observed.documents.filter(pl.col("template_row") == template).row(0, named=True)
                ids = truth.documents.filter(
                    (pl.col("number") == document["number"]) & (pl.col("issuer") == document["issuer"])
                )
            candidate = truth.people.filter(pl.col("person_id") == ids["person_id"][0])["group"][0]
        key = (row["group"], candidate)
        counts[key] = counts.get(key, 0) + 1
    told = {
        (r["probe_group"], r["reference_group"]): r["numerator"] for r in table.to_dicts() if r["numerator"]
    }
    assert told == counts


def test_thresholds_by_a_field_are_each_groups_own(call, flow, tmp_path):
    given = OperatingPoint.read(flow / "point.json")
    high = given.model_copy(update={"face_threshold_by": {"mode": {"air": 2.0}}})
    (tmp_path / "p.json").write_text(high.model_dump_json())
    assert call("run", flow / "w2", "--at", tmp_path / "p.json", "--out", tmp_path / "r").code == 0
    assert call("evaluate", tmp_path / "r", flow / "w2", "--out", tmp_path / "e").code == 0
    shown = {
        row["group"]: row for row in call("groups", tmp_path / "e", "--by", "mode", "--json").json["groups"]
    }
    assert shown["air"]["fpir_numerator"] == 0
    assert shown["air"]["fnir_numerator"] == shown["air"]["fnir_denominator"]
    assert shown["land"]["fnir_numerator"] < shown["land"]["fnir_denominator"]


def test_refusals(call, flow):
    for words, message in (
        (["groups", flow / "e2", "--by", "age"], "allowed: admission_class, direction, group, mode, port"),
        (["groups", flow / "e2", flow / "w1"], "one and the same world"),
        (["groups", flow / "e2", flow / "w2", "--by", "mode"], "allowed: person_id"),
        (["groups", flow / "w2"], "allowed: a result"),
    ):
        answer = call(*words)
        assert answer.code == 2
        assert message in answer.err


@pytest.fixture
def searches(tmp_path):
    rng = np.random.default_rng(4)
    rows = ["mated,mate_score,mate_rank,top_score,sex,candidate_sex"]
    rows += [f"1,{s:.4f},1,{s:.4f},{'fm'[k % 2]}," for k, s in enumerate(rng.normal(4, 1, 400))]
    rows += [f"0,,,{s:.4f},{['f', 'm', ''][k % 3]},f" for k, s in enumerate(rng.normal(0, 1, 3000))]
    (tmp_path / "s.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "s.csv"


def test_scores_by_group(call, searches):
    answer = call("scores", searches, "--max-fpir", "0.02", "--by", "sex", "--json")
    shown, by = answer.json, answer.json["by"]
    assert by["threshold"] == shown["guarantee"]["threshold"]
    assert by["unlabelled"] == 1000
    assert "1,000 trials without a sex are in no row" in answer.err
    frame = pl.read_csv(searches)
    for row in by["groups"]:
        own = frame.filter((pl.col("sex") == row["group"]) & (pl.col("mated") == 0))
        wrong = own.filter(pl.col("top_score") >= by["threshold"]).height
        assert (row["fpir_numerator"], row["fpir_denominator"]) == (wrong, own.height)
        cell = next(c for c in by["cross_group"] if c["probe_group"] == row["group"])
        assert (cell["reference_group"], cell["numerator"]) == ("f", wrong)
    assert call("scores", searches, "--by", "sex").code == 2
    assert "allowed: candidate_sex, sex" in call("scores", searches, "--max-fpir", "0.02", "--by", "age").err
    assert "f taken for f" in call("scores", searches, "--max-fpir", "0.02", "--by", "sex").out


def test_comparisons_by_group(call, tmp_path):
    rng = np.random.default_rng(5)
    own, other = rng.normal(4, 1, 300), rng.normal(0, 1, 4000)
    frame = pl.DataFrame(
        {"score": np.r_[own, other], "mated": np.r_[np.ones(300, int), np.zeros(4000, int)],
         "sex": np.tile(["f", "m"], 2150), "reference_sex": np.tile(["f", "f", "m", "m"], 1075)}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "c.parquet")
    by = call("scores", tmp_path / "c.parquet", "--max-fmr", "0.01", "--by", "sex", "--json").json["by"]
    at = by["threshold"]
    for row in by["groups"]:
        part = frame.filter(pl.col("sex") == row["group"])
        assert row["fmr_numerator"] == part.filter((pl.col("mated") == 0) & (pl.col("score") >= at)).height
        assert row["fnmr_numerator"] == part.filter((pl.col("mated") == 1) & (pl.col("score") < at)).height
    names = {"ineq_fmr", "ineq_fnmr", "fdr", "garbe"}
    assert set(by["inequity"]) == names | {"gini_fmr", "gini_fnmr", "mxog_fmr", "mxog_fnmr", "fdr", "garbe"}
    assert len(by["cross_group"]) == 4


def test_by_splits_comparisons_and_keeps_subjects():
    curve = verification_curve(
        [0.9, 0.8], [0.1, 0.2, 0.3], mated_subjects=[1, 2], non_mated_subjects=[1, 1, 2],
        mated_strata={"port": ["A", "B"]}, non_mated_strata={"port": ["A", "", "B"]},
    )  # fmt: skip
    parts = curve.by("port")
    assert parts["A"].non_mated_scores.tolist() == [0.1]
    assert parts["B"].mated_subjects.tolist() == [2]
    assert group_report(curve, "port", 0.5, resamples=10).unlabelled == 1
