"""Look-alike impostor: enters and leaves on another person's genuine document.

The donor is a relative of the same sex (a twin among them), or the best look-alike in a pool of people
of the same sex and region. Figures: overstays-and-ports.md 2.2 and 4.3; faces-and-borders.md 5.2 and 8.
"""

from __future__ import annotations

import numpy as np

from biomatch_synthetic.subversion.common import Stage

KIND = "impostor"


def apply(stage: Stage) -> None:
    """Choose impostors and donors, and show the donors' documents."""
    draft, settings = stage.draft, stage.draft.scenario.subversion
    person = draft.journeys["person"]
    has_kin = stage.relative[person] >= 0
    share = settings.impostor_relative
    related = stage.draw(KIND, settings.impostor * share, stage.visits & has_kin, ".relative")
    strangers = stage.draw(KIND, settings.impostor * (1.0 - share), stage.visits)
    donor = np.concatenate(
        [
            stage.relative[person[related]],
            stage.look_alikes(KIND, person[strangers], stage.foreign, settings.impostor_pool),
        ]
    )
    journeys = np.concatenate([related, strangers])
    found = donor >= 0
    journeys, donor = journeys[found], donor[found]
    rows, which = stage.encounters_of(journeys)
    document = stage.carried(donor, journeys)[which]
    stage.show(rows, document)
    draft.note(KIND, rows, person[journeys][which], donor[which], document)
