"""Runs all checks and lays out their table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from biomatch.verification import (  # noqa: F401  (they register)
    ageing,
    exits,
    groups,
    growth,
    identification,
    overstays,
    twins,
)
from biomatch.verification.cell import CHECKS, PREDICTED, Cell, Size

FULL = 4
"""The full run simulates this many times more than ``--quick``."""


@dataclass(frozen=True)
class Verification:
    """All cells of one run.

    Attributes
    ----------
    cells : tuple of Cell
        In the order of their rows.
    quick : bool
        Whether little was simulated.
    """

    cells: tuple[Cell, ...]
    quick: bool

    @property
    def missed(self) -> tuple[Cell, ...]:
        """Cells outside their tolerance."""
        return tuple(cell for cell in self.cells if not cell.met)

    @property
    def predicted(self) -> int:
        """Number of cells that no profile was fitted to."""
        return sum(cell.basis == PREDICTED for cell in self.cells)

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and words."""
        return {
            "quick": self.quick,
            "cells": [cell.to_json() for cell in self.cells],
            "met": len(self.cells) - len(self.missed),
            "missed": len(self.missed),
            "fitted": len(self.cells) - self.predicted,
            "predicted": self.predicted,
        }

    def markdown(self) -> list[str]:
        """Lay out the table as Markdown, a line each."""
        lines = [
            "| row | figure | published | this model (95%) | counts | tolerance | verdict | basis | how | "
            "source |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for cell in self.cells:
            value = "-" if cell.value is None else f"{cell.value:.3g}"
            if cell.interval is not None:
                value += f" ({cell.interval[0]:.2g} to {cell.interval[1]:.2g})"
            low, high = cell.allowed
            verdict = "met" if cell.met else "**missed**"
            lines.append(
                f"| {cell.row} | {cell.what} | {cell.published} | {value} | {cell.counts} | "
                f"{low:.3g} to {high:.3g} | {verdict} | {cell.basis} | {cell.how} | {cell.source} |"
            )
        return lines


def verify(
    quick: bool = False,
    only: tuple[str, ...] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verification:
    """Run the checks.

    Parameters
    ----------
    quick : bool
        Simulate a quarter of the trials.
    only : tuple of str, optional
        Names in `CHECKS` to run; default: all.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    Verification
        A figure that misses its tolerance stays in the table.
    """
    size = Size(1 if quick else FULL)
    names = list(CHECKS) if only is None else [name for name in CHECKS if name in only]
    cells: list[Cell] = []
    for done, name in enumerate(names):
        if progress is not None:
            progress("verifying", done, len(names))
        cells += CHECKS[name](size)
    if progress is not None:
        progress("verifying", len(names), len(names))
    return Verification(tuple(sorted(cells, key=lambda cell: cell.row)), quick)
