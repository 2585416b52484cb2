"""Shared document: several people of one sex and region take turns on one genuine document."""

from __future__ import annotations

import numpy as np

from biomatch.streams import stream
from biomatch_synthetic.subversion.common import Stage

KIND = "shared_document"


def apply(stage: Stage) -> None:
    """Choose owners, who use their document too, and the other users."""
    draft, settings = stage.draft, stage.draft.scenario.subversion
    person = draft.journeys["person"]
    owners = stage.draw(KIND, settings.shared_document, stage.visits)
    others = settings.shared_document_users - 1
    group = draft.people.group()[person]
    order = stream(draft.seed, "subversion.shared_document.users").permutation(len(person))
    users, lenders = [], []
    for code in np.unique(group[owners]):
        mine = owners[group[owners] == code]
        free = order[(stage.visits & ~stage.taken & (group == code))[order]][: len(mine) * others]
        stage.taken[free] = True
        users.append(free)
        lenders.append(np.repeat(mine, others)[: len(free)])
    if not users:
        return
    user, owner = np.concatenate(users), np.concatenate(lenders)
    rows, which = stage.encounters_of(user)
    holder = person[owner]
    document = stage.carried(holder, owner)[which]
    stage.show(rows, document)
    draft.note(KIND, rows, person[user][which], holder[which], document)
