"""How far a manifest's line alone is trusted: from lines that the port later proved wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.link import link
from biomatch.overstay.linkage.posteriors.ghosts import ghost_share
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tables.observed import DOCUMENTS, MANIFESTS, MOVEMENTS, STATUS_EVENTS, WATCHLIST, Observed

AS_OF = date(2024, 6, 1)


@pytest.fixture
def border(make_encounters):
    """The port saw 100 stays end, 10 of them with a no-show; a line alone closed 20; 30 are open."""
    rows, lines = [], []
    for number in range(150):
        entry = {"id": 2 * number, "day": 0, "direction": "entry", "until": date(2024, 3, 1)}
        rows.append({**entry, "document": f"P{number}"})
        if number < 100:
            rows.append({"id": 2 * number + 1, "day": 20, "direction": "exit", "document": f"P{number}"})
        if number < 10 or 100 <= number < 120:
            lines.append(f"P{number}")
    flight = {"movement": [1], "carrier": ["XX"], "port": ["AAA"], "mode": ["air"], "direction": ["exit"]}
    return Observed(
        encounters=make_encounters(rows),
        documents=DOCUMENTS.empty(),
        movements=MOVEMENTS.frame({**flight, "scheduled": [datetime(2024, 1, 11)]}),
        manifests=MANIFESTS.frame(
            {
                "movement": [1] * len(lines),
                "document_number": lines,
                "document_issuer": ["UTO"] * len(lines),
                "seat": ["1A"] * len(lines),
                "received_at": [datetime(2024, 1, 10)] * len(lines),
            }
        ),
        status_events=STATUS_EVENTS.empty(),
        watchlist=WATCHLIST.empty(),
        templates=np.zeros((1, 8), dtype=np.float32),
        about={},
    )


def test_share_from_proved_lines(border):
    links = link_documents(border.encounters, AS_OF, manifests=border.manifests, movements=border.movements)
    # 10 proved wrong of 100: 0.104 a stay; 50 stays are not seen to end, 20 of them closed by a line.
    assert ghost_share(border, links.stays, AS_OF) == pytest.approx(10.5 / 101 * 50 / 20)
    before = datetime(2024, 1, 9)
    assert ghost_share(border, links.stays, before) == pytest.approx(
        0.5 / 101 * 50 / 20
    )  # no line received yet


def test_the_posterior_keeps_that_doubt(border):
    point = OperatingPoint.of(0.5, System.load("default").with_({"linkage.method": "optimum"}))
    stays = link(border, AS_OF, point).stays
    by_line = stays.filter(stays["how_linked"] == "manifest")
    assert len(by_line) == 20
    # With the share's chance it is a stay without a record, and then gone as probably as those are.
    open_ = stays.filter(stays["how_linked"] == "none")["p_departed"].to_numpy()
    links = link_documents(border.encounters, AS_OF, manifests=border.manifests, movements=border.movements)
    share = ghost_share(border, links.stays, AS_OF)
    assert 0.1 < share < 0.5
    assert 0.2 < open_.max() < 0.8  # nobody has come back, so nothing tells missed records from staying on
    assert by_line["p_departed"].to_numpy() == pytest.approx(1.0 - share * (1.0 - open_[0]))
    assert by_line["p_sham_exit"].max() == 0.0
    assert timedelta(days=10) == by_line["exit_time"][0] - by_line["entry_time"][0]
