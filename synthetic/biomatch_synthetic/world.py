"""Makes a world: runs the stages in their order and separates what can be observed from what is true."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from biomatch.cards import Progress
from biomatch.settings.profile import load_profile
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream
from biomatch.tables.observed import Observed
from biomatch.truth import Truth
from biomatch_synthetic.captures import make_captures
from biomatch_synthetic.coverage import leave_out
from biomatch_synthetic.documents import make_documents
from biomatch_synthetic.draft import Draft
from biomatch_synthetic.identities import register_births
from biomatch_synthetic.itineraries.crossings import make_crossings
from biomatch_synthetic.itineraries.movements import make_manifests, make_movements, settle_times
from biomatch_synthetic.itineraries.status import settle_law
from biomatch_synthetic.itineraries.trips import make_trips
from biomatch_synthetic.labels import Labels
from biomatch_synthetic.people import make_parties, make_people
from biomatch_synthetic.reveal import reveal
from biomatch_synthetic.separate import observe
from biomatch_synthetic.subversion import AFTER_BOARDING, BEFORE_BOARDING, Stage, subvert

GENERATOR = 2
"""Version of the generator: raise it with every change that makes another world of the same settings."""


def make(
    scenario: Scenario, seed: int, *, templates_path: Path | None = None, progress: Progress | None = None
) -> tuple[Observed, Truth]:
    """Make a world.

    Parameters
    ----------
    scenario : Scenario
        The settings.
    seed : int
        Root seed and lineage, at least 0. Two worlds of one seed share people.
    templates_path : pathlib.Path, optional
        Where the templates are written as a memory-mapped ``.npy``; default: they stay in memory.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    tuple of Observed and Truth
        What the system under test may see, and the answers. Same scenario and seed, same bytes, on
        every machine (``docs/machines.md``).

    Examples
    --------
    >>> observed, truth = make(Scenario.load("tiny"), seed=1)
    >>> observed.encounters.height == truth.encounters.height
    True
    """
    tell: Progress = progress or (lambda stage, done, total: None)
    tell("people", 0, 1)
    draft = begin(scenario, seed)
    make_documents(draft)
    tell("people", 1, 1)
    tell("journeys", 0, 1)
    make_crossings(draft)
    stage = Stage(draft)
    subvert(stage, BEFORE_BOARDING)
    make_movements(draft)
    subvert(stage, AFTER_BOARDING)
    settle_times(draft)
    make_manifests(draft)
    settle_law(draft)
    leave_out(draft)
    tell("journeys", 1, 1)
    captured = make_captures(draft, *stage.faces, templates_path, progress)
    tell("tables", 0, 1)
    labels = Labels(draft)
    observed = replace(observe(draft, captured, labels), id=world_id(scenario, seed))
    truth = reveal(draft, labels, scenario.model_dump(mode="json"))
    tell("tables", 1, 1)
    return observed, truth


def world_id(scenario: Scenario, seed: int) -> str:
    """Name a world by what is asked for: the same 16 hexadecimal digits on every machine.

    A hash of the settings, the content of the face profile that they name, the seed and `GENERATOR`; of
    nothing that comes out. Two worlds of one id are the same world.

    Examples
    --------
    >>> one = Scenario.load("tiny")
    >>> world_id(one, 1) == world_id(one, 1), world_id(one, 1) == world_id(one, 2)
    (True, False)
    """
    profile = load_profile(scenario.faces.profile)
    asked = {"generator": GENERATOR, "profile": profile.id, "scenario": scenario.id, "seed": seed}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def begin(scenario: Scenario, seed: int) -> Draft:
    """Draw parties, trips and people, the few too who make no journey of their own."""
    parties = make_parties(scenario, seed)
    trips = make_trips(scenario, seed, parties)
    wanted = scenario.watchlist.size
    # People who lend or borrow: siblings of travellers, and strangers (assumed: enough to choose from).
    kin, strangers = scenario.travellers // 200 + 8, scenario.travellers // 200 + 8
    people = make_people(scenario, seed, parties, kin, kin + strangers + wanted)
    register_births(scenario, seed, people)
    first = scenario.travellers
    draft = Draft(scenario, seed, parties, people, trips)
    draft.kin = np.arange(first, first + kin)
    draft.pool = np.arange(first + kin, first + kin + strangers)
    draft.wanted = np.arange(first + kin + strangers, len(people))
    travelling = stream(seed, "watchlist.travels").random(wanted) < scenario.watchlist.travelling
    chosen = stream(seed, "watchlist.who").integers(0, first, wanted)
    _, once = np.unique(chosen, return_index=True)
    once = once[travelling[once]]
    draft.wanted[once] = chosen[once]
    return draft
