"""What a fitted profile says of itself: how well it fits, and how far it may be asked."""

from __future__ import annotations

from biomatch.settings.base import Settings, setting

UNUSABLE = 10.0
"""Misfit from which a profile does not describe its data any more; sound fits have 1 to 3."""
REACH = 100
"""A profile answers for galleries of up to so many times the identities that it was fitted to: as far as fits
of known profiles were tested (benchmarks/results/fit.md)."""


class Verdict(Settings):
    """How far a fitted profile can be trusted; written by `fit`, repeated wherever the profile is used.

    Examples
    --------
    >>> Verdict(misfit=93.0, largest_gallery=33_000).doubts()
    ('misfit 93: the profile does not describe the scores that it was fitted to',)
    """

    misfit: float = setting(..., "biomatch fit: what the fit minimised", ge=0)
    identities: int | None = setting(None, "biomatch fit: people in the data, where they are known", ge=1)
    largest_gallery: int = setting(..., "biomatch fit: beyond, nothing was tested", ge=1)
    warnings: list[str] = setting([], "biomatch fit: where it should not be trusted")

    def doubts(self) -> tuple[str, ...]:
        """Give the sentences that everybody who uses the profile should read."""
        found = tuple(self.warnings)
        if self.misfit >= UNUSABLE:
            text = f"misfit {self.misfit:.3g}: the profile does not describe the scores that it was fitted to"
            found = (text, *found)
        return found

    def beyond(self, gallery: float) -> str:
        """Say why a gallery of this size lies beyond the profile's range; empty where it does not."""
        if gallery <= self.largest_gallery:
            return ""
        people = (
            "" if self.identities is None else f", {REACH} times the {self.identities:,} identities fitted"
        )
        return f"N = {gallery:,.0f} is beyond the profile's range (N up to {self.largest_gallery:,}{people})"
