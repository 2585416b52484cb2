"""What evidence of fraud costs: in bulk against a loop, and onnxruntime against scikit-learn.

Ratios in one run on one machine. The records of `border` are many and their templates few (rows point
into a pool), because ten million templates of 512 values would fill 20 GB and tell nothing more.
"""

from __future__ import annotations

import time
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from biomatch.fraud.basis import columns, evidence_at
from biomatch.fraud.detect import detect
from biomatch.fraud.facts import Facts
from biomatch.gallery.scoring import exact_scores
from biomatch.overstay.linkage.tables import LINKS
from biomatch.settings.system import System
from biomatch.streams import stream
from biomatch.tables import observed as seen
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.observed import Observed
from biomatch.tables.produced import REFERENCES, SEARCHES
from biomatch.training.fusion import export, fit

POOL = 50_000
START = datetime(2024, 1, 1)  # noqa: DTZ001 - tables hold UTC without a zone
SIZES = (200_000, 10_000_000)


def border(records: int, dimension: int = 512) -> tuple[Observed, CandidateLists, pl.DataFrame]:
    """Make records of travellers who enter and leave once; nine of ten exits show who entered."""
    random = stream(7, "bench.fraud", records)
    faces = random.standard_normal((POOL, dimension)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    number = np.arange(records) // 2
    photo = random.integers(0, POOL, records // 2 + 1)
    face = photo[number]
    wrong = random.random(records) < 0.001
    face[wrong] = random.integers(0, POOL, int(wrong.sum()))
    leaves = np.arange(records) % 2 == 1
    day = (number * 7919) % 300 + 20 * leaves
    time_ = pl.Series(day * 86_400_000 + 1_704_067_200_000).cast(pl.Datetime("ms"))
    text = pl.Series(number).cast(pl.String)
    frame = pl.DataFrame(
        {
            "encounter_id": np.arange(records), "source": "port", "time": time_, "recorded_at": time_,
            "port": "P", "mode": "air", "direction": np.where(leaves, "exit", "entry"),
            "movement": number % 999, "document_number": text, "document_issuer": "XAA", "claimed_name": text,
            "birth_date": date(1980, 1, 1), "sex": "F", "nationality": "XAA", "admission_class": "B2",
            "permitted_until": date(2025, 1, 1), "camera": "c", "attempts": 1, "quality": 50.0,
            "template_row": face, "failure": "none",
        }
    ).with_columns(pl.col(name).cast(kind) for name, kind in seen.ENCOUNTERS.columns.items())  # fmt: skip
    documents = pl.DataFrame(
        {
            "number": pl.Series(np.arange(len(photo))).cast(pl.String), "issuer": "XAA", "kind": "passport",
            "holder_name": pl.Series(np.arange(len(photo))).cast(pl.String),
            "birth_date": date(1980, 1, 1), "sex": "F", "nationality": "XAA",
            "template_row": photo, "issued": date(2020, 1, 1), "expires": date(2030, 1, 1),
        }
    ).with_columns(pl.col(name).cast(kind) for name, kind in seen.DOCUMENTS.columns.items())  # fmt: skip
    empty = {s.name: s.empty() for s in (seen.MOVEMENTS, seen.MANIFESTS, seen.STATUS_EVENTS, seen.WATCHLIST)}
    about = {"first_day": "2024-01-01", "last_day": "2024-12-31", "measure_from": "2024-01-01"}
    observed = Observed(encounters=frame, documents=documents, templates=faces, about=about, **empty)
    lists = CandidateLists(
        SEARCHES.empty(),
        np.zeros((0, 20), np.int64),
        np.zeros((0, 20), np.float32),
        REFERENCES.empty(),
        {},
        "",
    )
    return observed, lists, LINKS.empty()


@pytest.mark.parametrize("records", SIZES)
def test_evidence_in_bulk(benchmark, records):
    world = border(records)

    def work() -> int:
        facts = Facts(*world, None)
        return len(evidence_at(facts, np.arange(len(facts))))

    benchmark.pedantic(work, rounds=1)
    benchmark.extra_info["encounters_a_second"] = records / benchmark.stats["min"]


def test_evidence_in_bulk_against_a_loop(benchmark):
    observed, lists, links = border(200_000)
    system = System.load("today").with_({"alerts.kinds": ["document_photo_conflict", "sham_exit"]})
    benchmark.pedantic(detect, args=(observed, lists, links, system), rounds=3)
    rows = observed.encounters.head(2_000).to_dicts()
    photos = {d["number"]: d["template_row"] for d in observed.documents.head(2_000).to_dicts()}
    begin = time.perf_counter()
    last: dict[str, int] = {}
    for row in rows:  # as a port would write it: one traveller at a time
        face = np.array([row["template_row"]])
        exact_scores(observed.templates, face, observed.templates, np.array([photos[row["document_number"]]]))
        if row["direction"] == "entry":
            last[row["document_number"]] = row["template_row"]
        elif row["document_number"] in last:
            entry = np.array([last[row["document_number"]]])
            exact_scores(observed.templates, face, observed.templates, entry)
    loop = (time.perf_counter() - begin) / len(rows)
    benchmark.extra_info["loop_over_bulk"] = loop / (benchmark.stats["min"] / 200_000)


@pytest.mark.parametrize("rows", [1, 1_000, 100_000])
def test_onnxruntime_against_scikit_learn(benchmark, rows):
    from biomatch.models import ColumnModel, Entry

    names = columns()
    random = stream(8, "bench.models", rows)
    values = (random.random((max(rows, 5_000), len(names))) * 0.5).astype(np.float32)
    model = fit(values, values @ random.standard_normal(len(names)) > 0)
    ours = ColumnModel(Entry("f", "f.onnx", "", names, "probabilities", (), ""), export(model, len(names)))
    batch = values[:rows]
    found = benchmark(ours.run, batch)
    wide = batch.astype(np.float64)
    begin = time.perf_counter()
    repeats = max(3, 20_000 // rows)
    for _ in range(repeats):
        theirs = model.decision_function(wide)
    benchmark.extra_info["scikit_learn_over_onnxruntime"] = (
        (time.perf_counter() - begin) / repeats / benchmark.stats["min"]
    )
    benchmark.extra_info["largest_difference"] = float(np.abs(found - theirs).max())
