"""The worlds of the main job: one to tune on, one to grade on, and two in which fraud is frequent."""

from __future__ import annotations

from dataclasses import dataclass

from biomatch.errors import SettingsError
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.worlds import FIRST_RESERVED_SEED

SEEDS = 4
"""Worlds of the main job: their seeds follow each other."""
FREQUENT_PER_MILLION = 10_000.0
"""Events of each kind per million visits where fraud is frequent: hundreds of times what borders detect. Only
catch rates, which are per event, are taken from such a world."""
SMALLER = 12
"""The worlds with frequent fraud have one in so many of the scenario's travellers ..."""
FEWEST_TRAVELLERS = 600
"""... but no fewer than these, or all that the scenario has."""


@dataclass(frozen=True)
class Plan:
    """Which worlds are made.

    Attributes
    ----------
    scenario : Scenario
        Of the tuning and the grading world.
    frequent : Scenario
        The same border, smaller, with every kind of fraud frequent and everybody on the watchlist travelling.
    tuning, grading, frequent_tuning, frequent_grading : int
        Seeds, and lineages, of the worlds.
    """

    scenario: Scenario
    frequent: Scenario
    tuning: int
    grading: int
    frequent_tuning: int
    frequent_grading: int

    @classmethod
    def of(cls, scenario: Scenario, seed: int) -> Plan:
        """Plan the worlds of a scenario from a first seed.

        Raises
        ------
        SettingsError
            For a seed from which there are not enough for users' worlds.
        """
        last = FIRST_RESERVED_SEED - SEEDS
        if not 0 <= seed <= last:
            raise SettingsError(
                f"seed {seed}", allowed=f"0 to {last}: {SEEDS} worlds take seeds that follow each other"
            )
        smaller = min(scenario.travellers, max(FEWEST_TRAVELLERS, scenario.travellers // SMALLER))
        changes = {f"subversion.{kind}": FREQUENT_PER_MILLION for kind in KINDS}
        frequent = scenario.with_({**changes, "travellers": smaller, "watchlist.travelling": 1.0})
        return cls(scenario, frequent, seed, seed + 1, seed + 2, seed + 3)

    @property
    def seeds(self) -> tuple[int, int, int, int]:
        """All four, in the order in which they are named above."""
        return self.tuning, self.grading, self.frequent_tuning, self.frequent_grading
