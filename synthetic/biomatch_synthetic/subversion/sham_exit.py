"""Sham exit: somebody else leaves on your document, and you stay. A published case: [A4].

The helper is a sibling who makes no journey of their own, or the best look-alike among strangers. The
stayer becomes an overstay that the records deny once the last lawful day is over.
"""

from __future__ import annotations

import numpy as np

from biomatch_synthetic.subversion.common import Stage

KIND = "sham_exit"


def apply(stage: Stage) -> None:
    """Choose who stays and who leaves in their name."""
    draft, settings = stage.draft, stage.draft.scenario.subversion
    person = draft.journeys["person"]
    eligible = stage.visits & stage.last_visit & stage.in_time & stage.exits_at_port()
    has_kin = stage.kin_abroad[person] >= 0
    share = settings.sham_exit_relative
    related = stage.draw(KIND, settings.sham_exit * share, eligible & has_kin, ".relative")
    strangers = stage.draw(KIND, settings.sham_exit * (1.0 - share), eligible)
    among = np.zeros(len(draft.people), np.bool_)
    among[draft.pool] = True
    helper = np.concatenate(
        [
            stage.kin_abroad[person[related]],
            stage.look_alikes(KIND, person[strangers], among, settings.impostor_pool),
        ]
    )
    journeys = np.concatenate([related, strangers])
    found = helper >= 0
    journeys, helper = journeys[found], helper[found]
    exits = draft.journeys["exit"][journeys]
    draft.encounters["person"][exits] = helper
    stage.stays_inside(journeys)
    stage.attach()
    draft.note(KIND, exits, helper, person[journeys], draft.encounters["document"][exits])
