"""Studies from Python: run a suite, compare two studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.cards import Progress
from biomatch.errors import SettingsError
from biomatch.studies.compare import Change
from biomatch.studies.compare import compare as compare_rows
from biomatch.studies.rows import study_rows, table
from biomatch.studies.study import Suite, run_study


def bench(
    suite: Suite | Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    cluster: str | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Run a study, a grid of worlds, systems and seeds; what is finished is kept.

    Parameters
    ----------
    suite : Suite, mapping or path
        The grid, as a TOML file says it, or the same as a mapping.
    out : path
        Folder of the study.
    workers : int
        Processes; the counts are the same whatever their number.
    cluster : str, optional
        Address of a Dask scheduler, to run there instead.
    fresh : bool
        Remove the folder's finished runs first.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    polars.DataFrame
        A row a run: world, system, control, seed, counts, seconds by stage.

    Raises
    ------
    SettingsError, ResultsError
        As `biomatch.studies.study.run_study`.

    Examples
    --------
    >>> suite = {
    ...     "name": "two-coverages", "seeds": [2], "tuning_seeds": [1], "max_fpir": 0.2, "controls": [],
    ...     "worlds": {"small": {"scenario": "tiny", "set": {"travellers": 300}}},
    ...     "systems": {"now": {"system": "today"}}}
    >>> bench(suite, "study").select("world", "system", "seed").rows()
    [('small', 'now', '2')]
    """
    asked = suite if isinstance(suite, Suite) else _suite(suite)
    place = Path(out)
    found = run_study(asked, place, workers=workers, cluster=cluster, fresh=fresh, progress=progress)
    return table(found)


def _suite(given: Mapping[str, Any] | str | Path) -> Suite:
    if isinstance(given, Mapping):
        return Suite.from_mapping(given, where="the suite")
    if isinstance(given, (str, Path)):
        return Suite.read(given)
    raise SettingsError(
        f"a {type(given).__name__} in place of a suite", allowed="a Suite, a mapping or a TOML file"
    )


def compare(
    one: str | Path,
    other: str | Path,
    *,
    margin: float = 0.0,
    confidence: float = 0.95,
    partial: bool = False,
) -> list[Change]:
    """Say which figures of two studies differ, with intervals.

    Parameters
    ----------
    one, other : path
        Folders that `bench` wrote.
    margin : float
        How much worse a rate may get, as a difference, from 0 to below 1.
    confidence : float
        Two-sided, of the intervals.
    partial : bool
        Compare half-finished studies too, in what both have.

    Returns
    -------
    list of biomatch.studies.compare.Change
        A figure of a cell each, with its verdict.

    Raises
    ------
    ResultsError
        For a folder without runs, a half-finished study, or studies that share no cell.

    Examples
    --------
    >>> suite = {
    ...     "name": "once", "seeds": [2], "tuning_seeds": [1], "max_fpir": 0.2, "controls": [],
    ...     "worlds": {"small": {"scenario": "tiny", "set": {"travellers": 300}}},
    ...     "systems": {"now": {"system": "today"}}}
    >>> _ = bench(suite, "first"), bench(suite, "second")
    >>> {change.verdict for change in compare("first", "second")} <= {"no difference shown", "no trials"}
    True
    """
    rows = [study_rows(Path(folder), partial=partial)[0] for folder in (one, other)]
    return compare_rows(*rows, margin=margin, confidence=confidence, partial=partial)
