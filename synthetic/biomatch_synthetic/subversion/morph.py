"""Morph: a genuine passport of an accomplice bears a mixture of two faces and is used by the other.

faces-and-borders.md 8: the best recognition algorithms remain susceptible; face-model.md: both
contributors are accepted in most cases.
"""

from __future__ import annotations

import numpy as np

from biomatch_synthetic.subversion.common import Stage

KIND = "morph"


def apply(stage: Stage) -> None:
    """Choose users and accomplices, and issue the documents."""
    draft, settings = stage.draft, stage.draft.scenario.subversion
    person = draft.journeys["person"]
    journeys = stage.draw(KIND, settings.morph, stage.visits)
    accomplice = stage.look_alikes(KIND, person[journeys], stage.foreign, settings.impostor_pool)
    found = accomplice >= 0
    journeys, accomplice = journeys[found], accomplice[found]
    user = person[journeys]
    day = np.floor(draft.journeys["begin"][journeys]).astype(np.int64)
    document = draft.documents.copy_rows(
        draft.passport[accomplice], second=user, issued=day - 60, expires=day - 60 + 3652, photo=True
    )
    rows, which = stage.encounters_of(journeys)
    stage.show(rows, document[which])
    draft.note(KIND, rows, user[which], accomplice[which], document[which])
