"""Null controls: an oracle that cannot miss and a blind matcher that cannot see.

Both go through the whole search like any system: only the templates differ. Whatever the oracle gets
wrong is a fault of the flow, and whatever the blind matcher gets right beyond arithmetic is a leak.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincc

from biomatch import portable
from biomatch.evaluation.trials import owners
from biomatch.streams import stream
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

ORACLE_THRESHOLD = 0.5
"""Between a morph's two halves (0.71) and the best of many random codes (0.25 for 10^7 of 512 values)."""


def oracle(observed: Observed, truth: Truth) -> Observed:
    """Give the world templates by which everybody is told apart: a random code for each person.

    A morphed photo bears the codes of both contributors. Search it with any system and threshold
    `ORACLE_THRESHOLD`: FNIR is 0 and FPIR is 0, or the flow is at fault.
    """
    owned = owners(observed, truth)
    most = int(truth.people["person_id"].to_numpy().max())
    codes = _isotropic(most + 1, observed.dimension, "oracle")
    templates = np.zeros_like(observed.templates)
    rows, people = owned["template_row"].to_numpy(), owned["person_id"].to_numpy()
    np.add.at(templates, rows, codes[people])
    lengths = np.sqrt(portable.pair_sums(templates, templates))[:, None]
    templates = np.where(lengths > 0, templates / np.maximum(lengths, 1e-12), _unit(observed.dimension))
    return replace(observed, templates=np.ascontiguousarray(templates, dtype=np.float32))


def blind(observed: Observed, seed: int = 0) -> Observed:
    """Give the world templates that know nothing: isotropic unit vectors, one a row."""
    return replace(observed, templates=_isotropic(len(observed.templates), observed.dimension, "blind", seed))


def blind_fmr(threshold: float, dimension: int) -> float:
    """Chance that two isotropic unit vectors score at least `threshold`, in [0, 1].

    The cosine c of two random directions in d dimensions has (c + 1) / 2 ~ Beta((d-1)/2, (d-1)/2).
    A blind search errs with FPIR = 1 - (1 - FMR)^N and FNIR = 1 - FMR (unlimited rank).
    """
    half = (dimension - 1) / 2.0
    return float(betaincc(half, half, np.clip((threshold + 1.0) / 2.0, 0.0, 1.0)))


def _unit(dimension: int) -> NDArray[np.float32]:
    first = np.zeros(dimension, np.float32)
    first[0] = 1.0
    return first


def _isotropic(count: int, dimension: int, name: str, seed: int = 0) -> NDArray[np.float32]:
    drawn = portable.normals(stream(seed, f"controls.{name}"), (count, dimension)).astype(np.float32)
    portable.unit_rows(drawn)
    return drawn


def permuted_people(truth: Truth, seed: int = 0) -> Truth:
    """Give the same truth with person ids renamed: no rate may change (a test of the wall)."""
    ids = truth.people["person_id"].to_numpy()
    renamed = stream(seed, "controls.permute").permutation(ids)
    table = pl.DataFrame({"old": ids, "new": renamed})

    def rename(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        for column in columns:
            mapped = frame[column].replace_strict(table["old"], table["new"], default=-1)
            frame = frame.with_columns(mapped.cast(pl.Int64).alias(column))
        return frame

    return replace(
        truth,
        people=rename(truth.people, "person_id", "twin_id"),
        encounters=rename(truth.encounters, "person_id", "claimed_person_id"),
        stays=rename(truth.stays, "person_id"),
        documents=rename(truth.documents, "person_id", "contributor_id"),
        watchlist=rename(truth.watchlist, "person_id"),
        subversion=rename(truth.subversion, "actor_id", "victim_id"),
    )
