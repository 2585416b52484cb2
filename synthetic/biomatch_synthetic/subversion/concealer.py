"""Concealer: a traveller degrades the capture on purpose (ISO/IEC 2382-37: biometric concealer).

Noise times three misses 17% at the 1:N threshold (face-model.md), and failures to acquire are tripled.
A concealer may do something else too: an encounter can carry two kinds.
"""

from __future__ import annotations

import numpy as np

from biomatch.streams import stream
from biomatch_synthetic.subversion.common import Stage

KIND = "concealer"


def apply(stage: Stage) -> None:
    """Choose visitors and spoil their captures, at entry and exit."""
    draft, settings = stage.draft, stage.draft.scenario.subversion
    drawn = stream(draft.seed, "subversion.concealer").random(len(draft.journeys))
    journeys = np.flatnonzero(stage.visits & (drawn < settings.concealer * 1e-6))
    rows, _ = stage.encounters_of(journeys)
    draft.encounters["noise"][rows] = settings.concealer_noise
    draft.note(KIND, rows, draft.encounters["person"][rows])
