"""``biomatch queue``, ``port`` and ``tune --port`` as a port's operations analyst meets them."""

import json

import polars as pl
import pytest

HOURS = (
    "date,hour,passengers,flights,remark\n2026-01-05,7,300,1,\n2026-01-05,8,900,3,late\n2026-01-05,9,700,3,\n"
)
RATES = ("--fnir", "0.03", "--fpir", "0.003", "--fta", "0.01", "--replications", "2")


@pytest.fixture
def hours(tmp_path):
    path = tmp_path / "hours.csv"
    path.write_text(HOURS, encoding="utf-8")
    return path


def test_waits_of_a_table_with_every_key_of_the_contract(call, hours):
    told = call("queue", "hall", "--hours", hours, *RATES, "--seed", "1", "--json").json
    assert told["people"] == 1900
    assert set(told["wait_minutes"]) == {"mean", "median", "p95", "longest"}
    assert set(told["over"]) == {"15", "30", "45", "60"}
    for share in told["over"].values():
        assert share["interval"][0] <= share["value"] <= share["interval"][1]
    assert {"by_lane", "by_hour", "queue_peak", "staff_hours", "busy", "missed_connections", "cost"} <= set(
        told
    )
    assert set(told["secondary"]) == {"people", "wait_minutes", "staff_hours"}
    assert told["holds"] is True
    assert list(told["by_hour"]) == ["07", "08", "09"]


def test_the_same_seed_prints_the_same_and_the_table_comes_back_with_predictions(call, hours, tmp_path):
    answers = [
        call("queue", "hall", "--hours", hours, *RATES, "--json", "--out", tmp_path / "out") for _ in range(2)
    ]
    assert answers[0].out == answers[1].out
    back = pl.read_csv(tmp_path / "out" / "hours-predicted.csv")
    assert back.columns[:5] == ["date", "hour", "passengers", "flights", "remark"]
    assert back["predicted_mean_wait"].null_count() == 0
    assert back["predicted_over_30"].is_between(0, 1).all()
    other = call("queue", "hall", "--hours", hours, *RATES, "--seed", "9", "--out", tmp_path / "out")
    assert (other.code, "--overwrite" in other.err) == (2, True)


def test_more_work_than_staff_prints_no_mean(call, hours, tmp_path):
    answer = call("queue", "hall", "--hours", hours, "--fnir", "0.6", "--fpir", "0.3", "--replications", "1",
                  "--out", tmp_path / "o")  # fmt: skip
    assert answer.code == 0
    assert "more work than staff at desks, secondary" in answer.out
    assert "would do" in answer.out
    assert "mean" not in answer.out
    assert "--fta not given: counted as 0" in answer.err
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["summary.json"]


def test_a_roster_for_a_goal_can_be_read_again(call, hours, tmp_path):
    told = call("queue", "hall", "--hours", hours, *RATES, "--roster-for", "over 20 <= 10%",
                "--lane", "desks", "--out", tmp_path, "--json").json  # fmt: skip
    assert told["share"]["value"] <= 0.1
    again = call(
        "queue", "hall", "--hours", hours, *RATES, "--roster", tmp_path / "roster.csv", "--json"
    ).json
    assert again["booth_hours"]["desks"] == told["staff_hours"]


def test_flights_outages_and_settings(call, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("gate_time,passengers\n2026-06-06T08:00,250\n2026-06-06T08:20,300\n", encoding="utf-8")
    few, many = (
        call("queue", "hall", "--flights", path, *RATES, "--set", f"desks={n}", "--json").json
        for n in (6, 24)
    )
    assert few["wait_minutes"]["mean"]["value"] > many["wait_minutes"]["mean"]["value"]
    assert many["booth_hours"]["desks"] == 24 * 24


@pytest.mark.parametrize("name", ["hall", "cruise-terminal", "land-crossing", "boarding-gate"])
def test_built_in_ports_are_shown_and_read_again(call, name, tmp_path):
    assert name in call("port", "list").out
    shown = call("port", "show", name).out
    assert "assumed" in shown
    path = tmp_path / "port.toml"
    path.write_text(shown, encoding="utf-8")
    ids = [call("port", "show", one, "--json").json["id"] for one in (name, path)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("halle",), "did you mean 'hall'"),
        (("hall", "--fnir", "1.5"), "fnir=1.5"),
        (("hall", "--lane", "desks"), "--lane without --roster-for"),
        (("hall", "--fit"), "needs --fit, --hours, --train and --test"),
        (("hall", "--train", "2018:2018"), "needs --fit"),
        (("hall", "--roster-for", "short"), "minutes and the share"),
        (("hall", "--fit", "--train", "2018", "--test", "2019", "--roster", "x.csv"), "follow demand"),
        (("hall", "--hours", "nowhere.csv"), "nowhere.csv does not exist"),
    ],
)
def test_wrong_calls_get_one_sentence(call, arguments, says):
    answer = call("queue", *arguments)
    assert answer.code == 2
    assert says in answer.err
    assert "Traceback" not in answer.err


def test_a_fit_prints_errors_beside_naive_ones_and_leaves_with_1_where_it_loses(call, tmp_path, monkeypatch):
    from biomatch.paths import models_dir
    from biomatch.training import heldout

    path = models_dir() / "ports" / "ohare-2018-2019.parquet"
    kept = []
    really = heldout.held_out
    monkeypatch.setattr(heldout, "held_out", lambda *a, **k: kept.append(really(*a, **k)) or kept[0])
    call_it = ("queue", "--hours", path, "--fit", "--train", "2018-05:2018-08", "--test", "2018-09")
    answer = call(*call_it, "--traffic", "1.2", "--out", tmp_path, "--json")
    told = answer.json
    waited = told["what_if"]["mean_wait_minutes"]
    assert waited["changed"] > waited["as_is"] > 0
    assert answer.code == 0
    assert set(told["mae_minutes"]) == {"hall", "hour_of_day", "hour_by_month", "linear"}
    assert told["mae_minutes"]["hall"] < 0.95 * told["mae_minutes"]["hour_of_day"]
    assert -1 <= told["correlation"] <= 0.8
    assert 0 <= told["bands"] <= 1
    assert "no service times" in (tmp_path / "fit.toml").read_text(encoding="utf-8")
    back = pl.read_csv(tmp_path / "ohare-2018-2019-predicted.csv")
    assert len(back) == told["test_hours"]
    monkeypatch.setattr(heldout, "held_out", lambda *a, **k: kept[0])
    monkeypatch.setattr(heldout.HeldOutHours, "wins", property(lambda self: False))
    lost = call(*call_it)
    assert lost.code == 1
    assert "loses to hour of day" in lost.out


def test_a_threshold_is_tuned_for_waits_at_a_port(call, flow, hours, tmp_path):
    lists, world = flow / "l1", flow / "w1"
    out = tmp_path / "point.json"
    told = call("tune", lists, world, "--out", out, "--port", "hall", "--hours", hours,
                "--max-over", "60: 60%",
                "--json").json  # fmt: skip
    point = json.loads(out.read_text(encoding="utf-8"))
    assert point["guarantee"]["port"]["id"] == told["port_id"]
    assert point["face_threshold"] == told["threshold"]
    row = next(one for one in told["front"] if one["threshold"] == told["threshold"])
    assert row["wait_low"] <= row["wait"] <= row["wait_high"]
    costs = tmp_path / "costs.toml"
    costs.write_text("officer_hour = 80.0\n", encoding="utf-8")
    priced = call("tune", lists, world, "--out", out, "--port", "hall", "--hours", hours, "--costs", costs,
                  "--json").json  # fmt: skip
    assert {row["factor"] for row in priced["sensitivity"]} == {0.5, 1.0, 2.0}
    neither = call("tune", lists, world, "--out", out, "--port", "hall")
    assert (neither.code, "--max-over and --costs" in neither.err) == (2, True)
    alone = call("tune", lists, world, "--out", out, "--max-over", "30: 5%", "--max-fpir", "0.05")
    assert (alone.code, "without --port" in alone.err) == (2, True)
