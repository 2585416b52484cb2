"""The enrolment database: enrol, retire, erase, identify, verify, save, open."""

from biomatch.gallery.gallery import Gallery
from biomatch.gallery.scoring import Candidates, exact_scores
from biomatch.gallery.where import Where

__all__ = ["Candidates", "Gallery", "Where", "exact_scores"]


def __dir__() -> list[str]:
    return __all__
