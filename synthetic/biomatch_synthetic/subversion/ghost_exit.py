"""Ghost exit: a manifest says that you boarded, and nobody did. OIG-17-56 names such departures."""

from __future__ import annotations

from biomatch.tables.observed import MODES
from biomatch_synthetic.draft import DAY_MS, MANIFEST
from biomatch_synthetic.itineraries.trips import port_modes
from biomatch_synthetic.subversion.common import Stage

KIND = "ghost_exit"


def apply(stage: Stage) -> None:
    """Choose who stays behind a carrier's word."""
    draft = stage.draft
    exit_ = draft.journeys["exit"]
    port = draft.encounters["port"][exit_]
    carried = port_modes(draft.scenario)[port] != MODES.index("land")
    eligible = stage.visits & stage.last_visit & stage.in_time & stage.exits_at_port() & carried
    journeys = stage.draw(KIND, draft.scenario.subversion.ghost_exit, eligible)
    exits = exit_[journeys]
    encounters = draft.encounters
    encounters["person"][exits] = -1
    encounters["source"][exits] = MANIFEST
    encounters["received"][exits] = DAY_MS // 4
    stage.stays_inside(journeys)
    stage.attach()
    draft.note(KIND, exits, draft.journeys["person"][journeys], -1, encounters["document"][exits])
