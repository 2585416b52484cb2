"""The enrolment database: enrol, retire, erase, identify, verify, save, open."""

from biomatch.gallery.coding.mates import MatedScores
from biomatch.gallery.disk.upgrade import Upgrade, upgrade
from biomatch.gallery.gallery import Gallery
from biomatch.gallery.scoring import Candidates, exact_scores
from biomatch.gallery.where import Where

__all__ = ["Candidates", "Gallery", "MatedScores", "Upgrade", "Where", "exact_scores", "upgrade"]


def __dir__() -> list[str]:
    return __all__
