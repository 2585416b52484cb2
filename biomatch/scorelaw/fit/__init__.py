"""From a user's scores to a face profile: the synthetic twin of a matcher, and how far it can be trusted."""

from biomatch.scorelaw.fit.report import Fitted, fit_embeddings, fit_scores
from biomatch.scorelaw.fit.sample import ScoreSample, from_embeddings, from_scores, read_scores
from biomatch.scorelaw.fit.twin import Twin, fit_twin

__all__ = [
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
