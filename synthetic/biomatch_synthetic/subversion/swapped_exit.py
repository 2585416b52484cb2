"""Swapped exit: two travellers on one departure leave on each other's document."""

from __future__ import annotations

import numpy as np

from biomatch.streams import stream
from biomatch_synthetic.subversion.common import Stage

KIND = "swapped_exit"


def apply(stage: Stage) -> None:
    """Choose pairs of one sex and region on one departure, and swap their documents."""
    draft = stage.draft
    encounters, journeys = draft.encounters, draft.journeys
    free = np.flatnonzero(stage.visits & ~stage.taken & stage.exits_at_port())
    exits = journeys["exit"][free]
    carried = encounters["movement"][exits] >= 0
    free, exits = free[carried], exits[carried]
    movement = encounters["movement"][exits]
    group = draft.people.group()[journeys["person"][free]]
    shuffled = stream(draft.seed, "subversion.swapped_exit.order").random(len(journeys))[free]
    order = np.lexsort((shuffled, group, movement))
    free, exits, movement, group = free[order], exits[order], movement[order], group[order]
    # Pairs of neighbours in that order: first and second, third and fourth of each cell.
    new = np.ones(len(free), np.bool_)
    new[1:] = (movement[1:] != movement[:-1]) | (group[1:] != group[:-1])
    begin = np.flatnonzero(new)
    place = np.arange(len(free)) - np.repeat(begin, np.diff(np.append(begin, len(free))))
    one = np.flatnonzero((place[:-1] % 2 == 0) & ~new[1:])
    wanted = draft.scenario.subversion.swapped_exit * 1e-6 * int(stage.visits.sum())
    chance = min(1.0, wanted / max(len(one), 1))
    drawn = stream(draft.seed, "subversion.swapped_exit").random(len(journeys))[free[one]] < chance
    a, b = exits[one[drawn]], exits[one[drawn] + 1]
    stage.taken[free[one[drawn]]] = stage.taken[free[one[drawn] + 1]] = True
    for name in ("document", "claimed", "number_error"):
        column = encounters[name]
        column[a], column[b] = column[b].copy(), column[a].copy()
    rows = np.concatenate([a, b])
    actor, victim = encounters["person"][rows], encounters["claimed"][rows]
    draft.note(KIND, rows, actor, victim, encounters["document"][rows])
