"""What a fit said of the profile that it made: kept in the profile, so that whoever uses it hears it too."""

from __future__ import annotations

from biomatch.errors import SettingsError
from biomatch.settings.base import Settings, setting

WRITTEN = "biomatch fit"


class HeldOutRate(Settings):
    """FPIR predicted, and counted on identities that the fit did not see."""

    gallery: int = setting(..., WRITTEN, ge=1)
    threshold: float = setting(..., WRITTEN)
    predicted: float = setting(..., WRITTEN, ge=0, le=1)
    false_positives: int = setting(..., WRITTEN, ge=0)
    searches: int = setting(..., WRITTEN, ge=1)


class Verdict(Settings):
    """How far a fitted profile may be trusted."""

    misfit: float = setting(..., "root mean square residual over its expected error; 1 is good", ge=0)
    converged: bool = setting(True, "whether the search for parameters came to rest")
    largest_gallery: float = setting(..., "N; 100 times the identities, as far as back-tests went", ge=1)
    lowest_fmr: float = setting(..., "FPIR 0.01 at the largest gallery, per comparison", gt=0, lt=1)
    refused: list[str] = setting([], "why it must not be used; empty where it may")
    warnings: list[str] = setting([], "what to keep in mind when using it")
    held_out: list[HeldOutRate] = setting([], "the last line of each gallery size")

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that speaks against the profile."""
        return (*self.refused, *self.warnings)

    def check_use(self, name: str, *, beyond: bool = False) -> None:
        """Refuse a profile whose fit failed.

        Raises
        ------
        SettingsError
            Where the fit was refused and the user does not insist.
        """
        if self.refused and not beyond:
            raise SettingsError(
                f"the face profile {name!r} does not describe the data that it was fitted to: "
                f"{' '.join(self.refused)}",
                allowed="a profile whose fit holds",
                remedy="mend the data and fit again, or say --beyond to use it all the same",
            )

    def check_range(self, name: str, gallery: float, fmr: float, *, beyond: bool = False) -> str | None:
        """Say where a question lies beyond what back-tests of fits have covered.

        Parameters
        ----------
        name : str
            The profile's.
        gallery : float
            N, persons.
        fmr : float
            False match rate a comparison that the question comes to, about FPIR / N.
        beyond : bool
            Whether the user insists.

        Returns
        -------
        str or None
            A warning, where the user insisted; None inside the range.

        Raises
        ------
        SettingsError
            Beyond the range, where the user does not insist.
        """
        if gallery <= self.largest_gallery * 1.0001 and fmr >= self.lowest_fmr * 0.9999:
            return None
        asked = f"N = {gallery:,.0f} at FMR {fmr:.2g} a comparison lies beyond the range of {name!r}"
        if not beyond:
            raise SettingsError(
                asked,
                allowed=f"N up to {self.largest_gallery:,.0f} and FMR (about FPIR / N) from "
                f"{self.lowest_fmr:.2g}: 100 times the fitted identities, as far as fits were tested",
                remedy="fit more identities, ask for less, or say --beyond",
            )
        return f"{asked}: no test of a fit has gone so far."
