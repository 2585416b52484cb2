"""The report's section on waits at a port: every figure with its table, and what cannot be believed said."""

import re

import polars as pl
import pytest

import biomatch as bm
from biomatch.reporting import assembly
from biomatch.reporting.content import content
from biomatch.reporting.report import report, write_charts, write_tables
from biomatch.reporting.sections.at_port import AtPort
from biomatch.reporting.sections.waits import NOT_COMPARED

HOURS = pl.DataFrame(
    {"date": ["2026-01-05"] * 3, "hour": [7, 8, 9], "passengers": [300, 900, 700], "flights": [1, 3, 3]}
)
NAMES = {"waits-front", "waits-parts", "waits-lanes", "waits-day", "waits-trade", "waits-assumed"}


@pytest.fixture(scope="module")
def at_port():
    return AtPort(bm.Port.load("hall"), hours=HOURS)


def test_the_section_has_a_table_for_every_chart(result, at_port, tmp_path):
    shown = content(result, "one", at_port=at_port)
    assert set(shown.tables) >= NAMES
    for name in NAMES - {"waits-assumed"}:
        assert shown.rows[name], name
    assert shown.texts["waits-believed"] == NOT_COMPARED
    assert "not compared with any port" in NOT_COMPARED
    assert (
        "travellers wait" in shown.texts["waits-card"] or "more work than staff" in shown.texts["waits-card"]
    )
    front = shown.tables["waits-front"]
    assert sum("tuned" in (row[1] or "") for row in front.rows) == 1
    charts = write_charts([result], tmp_path, "svg", at_port=at_port)
    assert {path.stem for path in charts} >= NAMES - {"waits-assumed"}
    written = {path.stem for path in write_tables([result], tmp_path / "t", at_port=at_port)}
    assert written >= NAMES


def test_the_page_shows_it_and_fetches_nothing(result, at_port, tmp_path):
    page = report([result], tmp_path / "r.html", at_port=at_port).read_text(encoding="utf-8")
    assert 'id="waits"' in page
    assert "These waits were not compared with any port" in page
    assert not re.search(r'(?:src|href)="https?:', page)
    for name in NAMES:
        assert f'data-table="{name}"' in page


def test_without_a_port_the_section_says_how_to_get_one(result):
    shown = content(result, "one")
    assert not NAMES & set(shown.tables)
    assert shown.texts["waits"] == shown.texts["waits-card"] == ""
    assert "report RESULT --port hall" in assembly.part("report.html")


def test_where_the_staff_cannot_do_the_work_it_is_said(result):
    tight = AtPort(bm.Port.load("hall").with_({"desks": 1, "gate_share": 0.0}), hours=HOURS)
    shown = content(result, "one", at_port=tight)
    assert "more work than staff" in shown.texts["waits-card"]
    assert "waits-lanes" not in shown.tables
    assert not shown.rows["waits-front"]


def test_the_charts_of_the_front_door_draw(at_port):
    curve = bm.identification_curve([0.9] * 98 + [0.3] * 2, [1] * 100, [0.1, 0.4] * 50, enrolled_count=10)
    front = bm.waits(curve, "hall", HOURS, thresholds=[0.2, 0.5], replications=1)
    day = bm.queue("hall", hours=HOURS, fnir=0.02, replications=1)
    for chart in (bm.charts.waits(front), bm.charts.port_day(day)):
        spec = chart.to_dict()
        assert any(spec["datasets"].values())
