"""What the fit must reach on public hours: those of the package, and more where a folder of them is named."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from biomatch.tables.ports import read_hours, sample_hours
from biomatch.training.heldout import held_out

FOLDER = os.environ.get("BIOMATCH_PORT_HOURS")
"""Folder with ohare_hours.parquet and other_terminal_hours.parquet (models/ports/CARD.md says whose)."""


def _years(first, last):
    return date(first, 1, 1), date(last, 12, 31)


@pytest.mark.slow
def test_a_year_of_ohare_predicts_the_open_months_of_the_next():
    found = held_out(sample_hours()["ohare"], _years(2018, 2018), _years(2019, 2019))
    assert found.test_hours == 4630
    assert found.mae_minutes["hall"] <= 5.0
    assert found.mae_minutes["hall"] <= 0.9 * found.mae_minutes["hour_of_day"]
    assert found.days_mae_minutes["hall"] <= 3.1
    assert found.bands <= 0.05
    assert found.correlations["hall"] < 0.8


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="BIOMATCH_PORT_HOURS names no folder of public hours")
def test_a_year_of_ohare_predicts_2020_when_traffic_fell():
    hours = read_hours(Path(FOLDER or "") / "ohare_hours.parquet")
    found = held_out(hours, _years(2018, 2018), _years(2020, 2020))
    assert found.mae_minutes["hall"] <= 5.5
    assert found.mae_minutes["hour_of_day"] == pytest.approx(7.23, abs=0.01)
    assert found.bands <= 0.05


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="BIOMATCH_PORT_HOURS names no folder of public hours")
@pytest.mark.parametrize("airport", ["MIA", "JFK", "LAX", "SFO", "BOS", "SEA"])
def test_other_halls_are_under_hour_of_day_and_linear(airport):
    hours = read_hours(Path(FOLDER or "") / "other_terminal_hours.parquet").only(airport, None)
    errors = held_out(hours, _years(2013, 2014), _years(2015, 2015)).mae_minutes
    assert errors["hall"] < min(errors["hour_of_day"], errors["linear"])
    assert np.isfinite(list(errors.values())).all()
