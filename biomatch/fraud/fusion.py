"""The weight of all evidence at an encounter: a log-likelihood ratio from the shipped fusion model."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import ModelError
from biomatch.fraud import swapped_exit
from biomatch.fraud.basis import PIECES, basis, columns, evidence_at, piece_of
from biomatch.fraud.facts import Facts
from biomatch.models import ColumnModel, load
from biomatch.portable.types import Ints

MODEL = "fusion"
LATER = ("swap", "ghost", "days")
"""Pieces of evidence that can come to light after the encounter that they speak of."""
EARLY = tuple(piece for piece in PIECES if piece not in LATER)


def fusion_model() -> ColumnModel:
    """Load the shipped model; its columns must be the ones that `basis` makes.

    Raises
    ------
    ModelError
        Where model and code do not belong together.
    """
    model = load(MODEL)
    if model.entry.inputs != columns():
        raise ModelError(
            f"{model.entry.file} was trained on other columns than this version makes",
            remedy="run `make models`",
        )
    return model


def weigh(facts: Facts, alerts: pl.DataFrame, pieces: Collection[str] | None = None) -> pl.DataFrame:
    """Give every alert the log-likelihood ratio of fraud at its encounter (natural logarithm).

    Parameters
    ----------
    facts : Facts
        Of the same world.
    alerts : polars.DataFrame
        Schema ``ALERTS``.
    pieces : collection of str, optional
        Pieces of evidence that may speak; the others count as not there. Default: all, but an alert at
        an encounter hears nothing that came to light after it (`LATER`).
    """
    rows = facts.rows_of(alerts["encounter_id"])
    if pieces is not None:
        return alerts.with_columns(log_likelihood_ratio=pl.Series(_at(facts, rows, pieces), dtype=pl.Float64))
    early = at_once(alerts)
    ratio = np.zeros(len(rows))
    ratio[early] = _at(facts, rows[early], EARLY)
    ratio[~early] = _at(facts, rows[~early], PIECES)
    return alerts.with_columns(log_likelihood_ratio=pl.Series(ratio, dtype=pl.Float64))


def at_once(alerts: pl.DataFrame) -> NDArray[np.bool_]:
    """Say which alerts arise at the encounter itself and so hear only what is `EARLY`; shape (n,)."""
    return ((alerts["subject_type"] == "encounter") & (alerts["kind"] != swapped_exit.KIND)).to_numpy()


def _at(facts: Facts, rows: Ints, pieces: Collection[str]) -> NDArray[np.float32]:
    unique, place = np.unique(rows, return_inverse=True)
    return ratios(facts, unique, pieces)[place]


def ratios(facts: Facts, rows: Ints, pieces: Collection[str] = PIECES) -> NDArray[np.float32]:
    """Give the log-likelihood ratio of fraud against honesty at encounters; shape (m,), nats."""
    values, names = basis(evidence_at(facts, rows))
    values[:, [piece_of(name) not in pieces for name in names]] = 0.0
    return fusion_model().run(values)


def waterfall(facts: Facts, encounter_id: int, pieces: Collection[str] = PIECES) -> dict[str, float]:
    """Explain one ratio: what each piece of evidence adds to it.

    Parameters
    ----------
    facts : Facts
        Of the world.
    encounter_id : int
        Where the alert arose.
    pieces : collection of str
        Pieces of evidence that may speak; the others add 0.

    Returns
    -------
    dict of str to float
        ``"nothing"`` (what no evidence at all would give), one entry a piece of `PIECES`, and
        ``"total"``, their sum, in nats.

    Raises
    ------
    ModelError
        For an encounter that is not the port's.
    """
    row = int(facts.rows_of(pl.Series([encounter_id]))[0])
    if row < 0:
        raise ModelError(f"encounter {encounter_id}", allowed="an encounter that a port recorded")
    values, names = basis(evidence_at(facts, np.array([row])))
    values[:, [piece_of(name) not in pieces for name in names]] = 0.0
    owner = np.array([PIECES.index(piece_of(name)) for name in names])
    # One row with nothing, one with each piece alone, one with all: the model is linear in its columns.
    table = np.zeros((len(PIECES) + 2, len(names)), dtype=np.float32)
    for at in range(len(PIECES)):
        table[1 + at, owner == at] = values[0, owner == at]
    table[-1] = values[0]
    found = fusion_model().run(table).astype(np.float64)
    parts = {piece: float(found[1 + at] - found[0]) for at, piece in enumerate(PIECES)}
    return {"nothing": float(found[0]), **parts, "total": float(found[-1])}
