"""Second identity: a person returns under another name, birth date and number, with their own face.

One such case at the Romanian border: two identities, three earlier refusals [E7].
"""

from __future__ import annotations

import numpy as np

from biomatch.streams import stream
from biomatch_synthetic.people import GIVEN_NAMES
from biomatch_synthetic.subversion.common import Stage

KIND = "second_identity"


def apply(stage: Stage) -> None:
    """Give returning visitors a document in another name for their last journey."""
    draft = stage.draft
    person, trip = draft.journeys["person"], draft.journeys["trip"]
    returning = stage.visits & stage.last_visit & (draft.trips.round[trip] >= 1)
    journeys = stage.draw(KIND, draft.scenario.subversion.second_identity, returning)
    rng = stream(draft.seed, "subversion.second_identity.names")
    count, n = len(journeys), len(draft.journeys)
    family = rng.integers(0, draft.scenario.documents.family_names, n)[journeys]
    given = rng.integers(0, GIVEN_NAMES, n)[journeys]
    shift = rng.integers(200, 2500, n)[journeys] * rng.choice([-1, 1], n)[journeys]
    birth = draft.people.birth[person[journeys]] + shift.astype("timedelta64[D]")
    day = np.floor(draft.journeys["begin"][journeys]).astype(np.int64)
    issued = day - 20 - rng.integers(0, 300, n)[journeys]
    issued = np.maximum(issued, (birth - np.datetime64(draft.scenario.first_day, "D")).astype(np.int64) + 1)
    document = draft.documents.copy_rows(
        draft.passport[person[journeys]], family_name=family, given_name=given, birth=birth,
        issued=issued, expires=issued + 3652, photo=np.ones(count, np.bool_),
    )  # fmt: skip
    rows, which = stage.encounters_of(journeys)
    stage.show(rows, document[which])
    draft.note(KIND, rows, person[journeys][which], -1, document[which])
