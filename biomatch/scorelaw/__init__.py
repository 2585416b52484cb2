"""Closed forms of the two score laws of a face profile: rates at galleries that nobody can test."""

from biomatch.scorelaw.law import ScoreLaw

__all__ = ["ScoreLaw"]
