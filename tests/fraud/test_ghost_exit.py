"""Ghost exits: how surprising a departure is that nobody saw."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from biomatch.errors import SettingsError
from biomatch.fraud import ghost_exit
from biomatch.fraud.detect import detect
from biomatch.fraud.facts import Facts
from biomatch.overstay.linkage.documents import link_documents
from biomatch.settings.system import System
from biomatch.system.replay import search


def links_of(observed):
    return link_documents(observed.encounters, date(2025, 12, 31)).stays


def test_ghost_exit_stands_out_where_the_port_sees_everybody(border):
    numbers = []
    for person in range(40):
        numbers.append(border.document(f"G{person}", person))
        border.meet(person, numbers[-1], "entry", 1)
    border.movement(1, 20, *numbers[:20])
    border.movement(2, 25, *numbers[20:])
    for person in range(40):
        if person != 30:  # boarded, says the carrier
            border.meet(
                person, numbers[person], "exit", 20 if person < 20 else 25, movement=1 if person < 20 else 2
            )
    plain, *_ = border.alerts("ghost_exit")
    assert len(plain) == 1
    assert plain["score"][0] == pytest.approx(-np.log(1 / 40))  # prior 1 of 20, then 20 departures seen
    border.meet(30, numbers[30], "exit", 60)
    again, *_ = border.alerts("ghost_exit")
    assert again["score"][0] == pytest.approx(plain["score"][0] + 6.0)


@pytest.mark.parametrize("audited", [{}, {"P": 0.05}, {"air": 0.05}, {"P": 0.05, "air": 0.5}])
def test_more_ghosts_make_a_departure_less_surprising_unless_it_was_audited(border, audited):
    numbers = [border.document(f"G{person}", person) for person in range(60)]
    for person, number in enumerate(numbers):
        border.meet(person, number, "entry", 1)
    border.movement(1, 20, *numbers[:40])
    border.movement(2, 25, *numbers[40:])

    def last_surprise(ghosts):
        border.rows = border.rows[:60]
        for person in range(ghosts, 59):
            first = person < 40
            border.meet(person, numbers[person], "exit", 20 if first else 25, movement=1 if first else 2)
        observed, _ = border.world()
        system = System.load("all").with_(
            {
                "alerts.kinds": ["ghost_exit"],
                "alerts.scoring": "evidence",
                "alerts.unseen_departures": audited,
            }
        )
        alerts = detect(observed, search(observed, system), links_of(observed), system)
        assert len(alerts) == ghosts + 1
        return alerts.filter(pl.col("raised_at") == alerts["raised_at"].max())["score"].item()

    few, many = last_surprise(2), last_surprise(4)
    observed, _ = border.world()
    lists = search(observed, System.load("all"))
    found = ghost_exit.unseen_shares(Facts(observed, lists, links_of(observed), None))
    assert found == {"P": (5 + 1) / (60 + 2)}
    if audited:
        assert few == many == pytest.approx(-np.log(0.05))
    else:
        assert few == pytest.approx(-np.log(3 / 60))
        assert many == pytest.approx(-np.log(5 / 60))


def test_audited_shares_are_shares():
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(SettingsError, match="both excluded"):
            System.load("all").with_({"alerts.unseen_departures": {"P": share}})
