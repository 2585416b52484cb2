"""From a user's scores to a face profile: the synthetic twin of a matcher, and how far it can be trusted."""

from biomatch.scorelaw.fit.compare import from_embeddings
from biomatch.scorelaw.fit.report import Extras, Fitted, fit_embeddings, fit_scores
from biomatch.scorelaw.fit.sample import ScoreSample, from_scores, read_scores
from biomatch.scorelaw.fit.twin import Twin, fit_twin

__all__ = [
    "Extras",
    "Fitted",
    "ScoreSample",
    "Twin",
    "fit_embeddings",
    "fit_scores",
    "fit_twin",
    "from_embeddings",
    "from_scores",
    "read_scores",
]


def __dir__() -> list[str]:
    return __all__
