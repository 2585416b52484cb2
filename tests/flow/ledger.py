"""Slow twins of the flow: one encounter at a time, in plain Python."""

from __future__ import annotations

from datetime import timedelta

import numpy as np


def records(frame):
    return list(frame.iter_rows(named=True))


def open_stays_ledger(observed, system):
    """Walk through the records in the order in which they matter; give each search's candidate list.

    Returns a dict: encounter_id -> (N, [(score, entry's encounter_id), ...]) for acquired probes, whole
    and sorted (best score first, equal scores by the order in which references are numbered).
    """
    rows = records(observed.encounters)
    reopen = timedelta(days=system.gallery.reopen_days)
    keep = timedelta(days=system.gallery.retention_days)
    answers = {}
    for probe in sorted(rows, key=lambda r: (r["time"], r["encounter_id"])):
        if probe["source"] != "port" or probe["direction"] not in system.gallery.directions:
            continue
        if probe["template_row"] < 0:
            continue
        now = (probe["time"], probe["encounter_id"])
        there = []
        for entry in rows:
            if entry["source"] != "port" or entry["direction"] != "entry" or entry["template_row"] < 0:
                continue
            if entry["admission_class"] == "RESIDENT":
                continue
            if not (entry["recorded_at"], entry["encounter_id"]) < now:
                continue
            retired = entry["time"] + keep
            for other in rows:
                same = (other["document_number"], other["document_issuer"]) == (
                    entry["document_number"],
                    entry["document_issuer"],
                )
                later = (other["time"], other["encounter_id"]) > (entry["time"], entry["encounter_id"])
                if (
                    same
                    and later
                    and other["source"] != "manifest"
                    and other["admission_class"] != "RESIDENT"
                ):
                    retired = min(retired, other["recorded_at"] + reopen)
            if retired <= entry["recorded_at"] or retired < probe["time"]:
                continue
            there.append(entry)
        face = observed.templates[probe["template_row"]].astype(np.float64)
        scored = [
            (float(np.float32((face * observed.templates[e["template_row"]].astype(np.float64)).sum())), e)
            for e in there
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1]["recorded_at"], pair[1]["template_row"]))
        answers[probe["encounter_id"]] = (len(there), [(s, e["encounter_id"]) for s, e in scored])
    return answers


def mated_by_loop(observed, truth, lists):
    """Say of each acquired search whether its person has a reference that was there: a double loop."""
    person = dict(truth.encounters.select("encounter_id", "person_id").iter_rows())
    seen = {row["encounter_id"]: row for row in records(observed.encounters)}
    refs = records(lists.references)
    found = {}
    for search in records(lists.searches):
        probe = seen[search["encounter_id"]]
        now = (probe["time"], probe["encounter_id"])
        found[search["encounter_id"]] = any(
            person[ref["encounter_id"]] == person[search["encounter_id"]]
            and (ref["available_from"], ref["encounter_id"]) < now
            and ref["retired_at"] >= probe["time"]
            for ref in refs
        )
    return found
