"""Closed forms of the two score laws of a face profile: rates at galleries that nobody can test."""

from biomatch.scorelaw.law import ScoreLaw
from biomatch.scorelaw.predict import Prediction, predict, predict_by

__all__ = ["Prediction", "ScoreLaw", "predict", "predict_by"]
