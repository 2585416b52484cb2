"""A small border drawn by hand: who stood where with which document, and what the detectors make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from biomatch import truth as truths
from biomatch.fraud.detect import detect
from biomatch.overstay.linkage.documents import link_documents
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.tables import observed as seen
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

START = datetime(2025, 1, 1)
DIMENSION = 64
ISSUER = "AA"


@dataclass
class Border:
    """Rows are added one by one; `world` puts both sides together."""

    rows: list[dict] = field(default_factory=list)
    documents: dict[tuple[str, str], dict] = field(default_factory=dict)
    events: list[dict] = field(default_factory=list)
    manifests: list[dict] = field(default_factory=list)
    movements: dict[int, dict] = field(default_factory=dict)
    watched: dict[int, datetime] = field(default_factory=dict)
    templates: list[np.ndarray] = field(default_factory=list)
    people: dict[int, dict] = field(default_factory=dict)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    codes: dict[int, np.ndarray] = field(default_factory=dict)

    def face(self, person, noise=0.3, mixed_with=None):
        """Template row of a new image of a person (of two people: a morph)."""
        vector = self.code(person)
        if mixed_with is not None:
            vector = vector + self.code(mixed_with)
            vector = vector / np.linalg.norm(vector)
        vector = vector + noise * self.random.standard_normal(DIMENSION) / np.sqrt(DIMENSION)
        self.templates.append(vector / np.linalg.norm(vector))
        return len(self.templates) - 1

    def code(self, person):
        self.people.setdefault(person, {})
        if person not in self.codes:
            vector = self.random.standard_normal(DIMENSION)
            self.codes[person] = vector / np.linalg.norm(vector)
        return self.codes[person]

    def document(
        self, number, holder, *, name=None, born=None, photo=None, issuer=ISSUER, issued=date(2023, 1, 1)
    ):
        self.documents[number, issuer] = {
            "number": number, "issuer": issuer, "kind": "passport", "holder_name": name or f"NAME {holder}",
            "birth_date": born or date(1980, 1, 1) + timedelta(days=37 * holder), "sex": "F",
            "nationality": issuer, "template_row": self.face(holder) if photo is None else photo,
            "issued": issued, "expires": date(2033, 1, 1), "holder": holder, "contributor": -1,
        }  # fmt: skip
        return number

    def meet(self, person, number, direction, day, *, movement=-1, noise=0.3, quality=60.0, face=True,
             attempts=1, resident=False, issuer=ISSUER, typed=None, until=90, failure="no_face"):  # fmt: skip
        """One port encounter; gives its encounter_id."""
        paper = self.documents[number, issuer]
        time = START + timedelta(days=day)
        identity = 1000 + 7 * len(self.rows) % 997 + 1000 * len(self.rows)
        self.rows.append({
            "encounter_id": identity, "source": "port", "time": time, "recorded_at": time, "port": "P",
            "mode": "air" if movement >= 0 else "land", "direction": direction, "movement": movement,
            "document_number": typed or number, "document_issuer": issuer,
            "claimed_name": paper["holder_name"], "birth_date": paper["birth_date"], "sex": paper["sex"],
            "nationality": issuer, "admission_class": "RESIDENT" if resident else "B2",
            "permitted_until": (time + timedelta(days=until)).date() if direction == "entry" else None,
            "camera": "c", "attempts": attempts, "quality": quality if face else None,
            "template_row": self.face(person, noise) if face else -1, "failure": "none" if face else failure,
            "person": person, "claimed": paper["holder"],
        })  # fmt: skip
        return identity

    def event(self, kind, encounter, actor, number, victim=-1):
        self.events.append({
            "event_id": len(self.events), "kind": kind, "encounter_id": encounter, "actor_id": actor,
            "victim_id": victim, "document_number": number, "document_issuer": ISSUER,
        })  # fmt: skip

    def movement(self, number, day, *passengers):
        self.movements[number] = {
            "movement": number, "carrier": "C", "port": "P", "mode": "air", "direction": "exit",
            "scheduled": START + timedelta(days=day),
        }  # fmt: skip
        for passenger in passengers:
            self.manifests.append({
                "movement": number, "document_number": passenger, "document_issuer": ISSUER, "seat": "1A",
                "received_at": START + timedelta(days=day - 1),
            })  # fmt: skip

    def honest(self, persons, days=(1, 30), start=100):
        """Travellers who come and go on their own documents."""
        for person in persons:
            number = self.document(f"H{person}", person)
            self.meet(person, number, "entry", days[0] + (person % 5) / 10)
            self.meet(person, number, "exit", days[1] + (person % 5) / 10)

    def world(self):
        def frame(schema, rows):
            return pl.DataFrame(
                [{name: row[name] for name in schema.columns} for row in rows], schema=dict(schema.columns)
            )

        watch = [
            {"reference": n, "template_row": self.face(person), "since": since}
            for n, (person, since) in enumerate(self.watched.items())
        ]
        # Rows are shuffled, as a world's are: nothing may depend on their order.
        order = self.random.permutation(len(self.rows))
        observed = Observed(
            encounters=frame(seen.ENCOUNTERS, [self.rows[i] for i in order]),
            documents=frame(seen.DOCUMENTS, self.documents.values()),
            movements=frame(seen.MOVEMENTS, self.movements.values()),
            manifests=frame(seen.MANIFESTS, self.manifests),
            status_events=seen.STATUS_EVENTS.empty(),
            watchlist=frame(seen.WATCHLIST, watch),
            templates=np.array(self.templates, dtype=np.float32).reshape(-1, DIMENSION),
            about={"first_day": "2025-01-01", "last_day": "2025-12-31", "measure_from": "2025-01-01"},
        ).check().sealed()  # fmt: skip
        people = truths.PEOPLE.frame({
            "person_id": list(self.people),
            "sex": ["F"] * len(self.people),
            "birth_date": [date(1980, 1, 1)] * len(self.people),
            "region": ["X"] * len(self.people),
            "group": ["X F"] * len(self.people),
            "family_id": [p.get("family", -1) for p in self.people.values()],
            "twin_id": [p.get("twin", -1) for p in self.people.values()],
        })  # fmt: skip
        truth = Truth(
            people=people,
            encounters=truths.ENCOUNTERS.frame({
                "encounter_id": [r["encounter_id"] for r in self.rows],
                "person_id": [r["person"] for r in self.rows],
                "claimed_person_id": [r["claimed"] for r in self.rows],
                "journey_id": [0] * len(self.rows), "counterpart_id": [-1] * len(self.rows),
            }),
            stays=truths.STAYS.empty(),
            documents=truths.DOCUMENTS.frame({
                "number": [d["number"] for d in self.documents.values()],
                "issuer": [d["issuer"] for d in self.documents.values()],
                "person_id": [d["holder"] for d in self.documents.values()],
                "contributor_id": [d["contributor"] for d in self.documents.values()],
            }),
            watchlist=truths.WATCHLIST.frame({
                "reference": list(range(len(self.watched))), "person_id": list(self.watched),
            }),
            subversion=frame(truths.SUBVERSION, self.events),
            seed=3, scenario={}, world_id=observed.id,
        ).check()  # fmt: skip
        return observed, truth

    def alerts(self, *kinds, policy="all", as_of=None):
        observed, truth = self.world()
        system = System.load(policy).with_({"alerts.kinds": list(kinds), "alerts.scoring": "evidence"})
        return detected(observed, system, as_of), observed, truth, system


def detected(observed, system, as_of=None, lists=None):
    lists = search(observed, system) if lists is None else lists
    day = as_of or date(2025, 12, 31)
    links = link_documents(
        observed.encounters, day, manifests=observed.manifests, movements=observed.movements
    )
    return detect(observed, lists, links.stays, system, as_of=as_of)


@pytest.fixture
def border():
    return Border()
