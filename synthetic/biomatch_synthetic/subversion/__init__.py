"""Fraud, a file a kind: who does it, on whose document, and the rows of truth that say so.

Every kind has a prevalence per million visits (``scenario.subversion``). Actors are drawn by a stream of
the kind's own name, so that raising one kind leaves the others' draws as they were.
"""

from __future__ import annotations

from collections.abc import Callable

from biomatch_synthetic.subversion import (
    concealer,
    ghost_exit,
    impostor,
    morph,
    second_identity,
    sham_exit,
    shared_document,
    stay_laundering,
    swapped_exit,
)
from biomatch_synthetic.subversion.common import Stage

BEFORE_BOARDING: tuple[Callable[[Stage], None], ...] = (
    impostor.apply,
    sham_exit.apply,
    shared_document.apply,
    second_identity.apply,
    morph.apply,
    ghost_exit.apply,
    stay_laundering.apply,
    concealer.apply,
)
"""Kinds that choose documents and trips; they come before carriers fill their seats."""
AFTER_BOARDING: tuple[Callable[[Stage], None], ...] = (swapped_exit.apply,)
"""Kinds that need to know who sits in the same aircraft."""


def subvert(stage: Stage, kinds: tuple[Callable[[Stage], None], ...]) -> None:
    """Let each kind change the draft, in order."""
    for apply in kinds:
        apply(stage)


__all__ = ["AFTER_BOARDING", "BEFORE_BOARDING", "Stage", "subvert"]
