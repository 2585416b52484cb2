"""The truth's tables: who really stood where. Nothing that imitates an operational system may import this."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.errors import ResultsError, WallError
from biomatch.files import parse_json
from biomatch.tables import storage
from biomatch.tables.observed import CLASSES, MODES, SEXES, Observed
from biomatch.tables.schema import Schema, Time

TRUE_STATUSES = (
    "compliant",
    "not_yet_due",
    "in_country_overstay",
    "out_of_country_overstay",
    "status_changed",
)
SUBVERSION_KINDS = (
    "impostor",
    "sham_exit",
    "ghost_exit",
    "shared_document",
    "second_identity",
    "morph",
    "stay_laundering",
    "swapped_exit",
    "concealer",
)

PEOPLE = Schema(
    "people",
    {
        "person_id": pl.Int64,
        "sex": pl.Enum(SEXES),
        "birth_date": pl.Date,
        "region": pl.String,
        "group": pl.String,  # region and sex, as the breakdowns name it
        "family_id": pl.Int64,  # -1: alone
        "twin_id": pl.Int64,  # the twin's person_id; -1: none
    },
    key=("person_id",),
)
ENCOUNTERS = Schema(
    "true_encounters",
    {
        "encounter_id": pl.Int64,
        "person_id": pl.Int64,  # who stood there, whatever was claimed; -1: nobody (a ghost)
        "claimed_person_id": pl.Int64,  # rightful holder of the document shown; -1: none
        "journey_id": pl.Int64,
        "counterpart_id": pl.Int64,  # the exit of this entry, the entry of this exit; -1: none recorded
    },
    key=("encounter_id",),
)
STAYS = Schema(
    "true_stays",
    {
        "entry_id": pl.Int64,
        "person_id": pl.Int64,
        "exit_id": pl.Int64,  # the recorded encounter at which the person left; -1: none
        "departed_at": Time,  # null: still inside at the world's end
        "last_lawful_day": pl.Date,  # null: duration of status that has not ended
        "status": pl.Enum(TRUE_STATUSES),  # at the world's end
        "admission_class": pl.Enum(CLASSES),
        "mode": pl.Enum(MODES),
    },
    nullable=frozenset({"departed_at", "last_lawful_day"}),
    key=("entry_id",),
)
DOCUMENTS = Schema(
    "true_documents",
    {
        "number": pl.String,
        "issuer": pl.String,
        "person_id": pl.Int64,  # whose the document rightfully is
        "contributor_id": pl.Int64,  # second contributor of a morphed photo; -1: none
    },
    key=("number", "issuer"),
)
WATCHLIST = Schema("true_watchlist", {"reference": pl.Int64, "person_id": pl.Int64}, key=("reference",))
SUBVERSION = Schema(
    "subversion",
    {
        "event_id": pl.Int64,
        "kind": pl.Enum(SUBVERSION_KINDS),
        "encounter_id": pl.Int64,  # where it shows; -1: nowhere observed
        "actor_id": pl.Int64,
        "victim_id": pl.Int64,  # whose document or exit was used; -1: none
        "document_number": pl.String,
        "document_issuer": pl.String,
    },
    nullable=frozenset({"document_number", "document_issuer"}),
    key=("event_id",),
)
SCHEMAS = {
    "people": PEOPLE,
    "encounters": ENCOUNTERS,
    "stays": STAYS,
    "documents": DOCUMENTS,
    "watchlist": WATCHLIST,
    "subversion": SUBVERSION,
}


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """The answers to a world; held by the judge alone.

    Attributes
    ----------
    people, encounters, stays, documents, watchlist, subversion : polars.DataFrame
        As the schemas of this module declare.
    seed : int
        Root seed; also the world's lineage (two worlds of one seed share people).
    scenario : mapping
        The settings that the world was made from, as plain data.
    world_id : str
        `Observed.id` of the world that these answers belong to.
    profile_id : str
        `FaceProfile.id` of the face profile that the templates were drawn from: a file of one name may be
        fitted again. Empty in worlds that were made before it was recorded.
    """

    people: pl.DataFrame
    encounters: pl.DataFrame
    stays: pl.DataFrame
    documents: pl.DataFrame
    watchlist: pl.DataFrame
    subversion: pl.DataFrame
    seed: int
    scenario: Mapping[str, Any]
    world_id: str = ""
    profile_id: str = ""

    def __repr__(self) -> str:
        return f"<Truth of {self.world_id or 'an unsealed world'}: {self.people.height:,} people>"

    @property
    def lineage(self) -> int:
        """The root seed: worlds that share it share people, whatever their size or settings."""
        return self.seed

    def check(self) -> Truth:
        """Check every table against its schema."""
        for name, schema in SCHEMAS.items():
            schema.check(getattr(self, name))
        return self

    def write(self, folder: Path) -> None:
        """Write the tables into ``folder`` (which `storage.new_folder` yielded)."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in SCHEMAS.items():
            storage.write_table(folder, schema, getattr(self, name))
        made_from = {"seed": self.seed, "scenario": dict(self.scenario), "profile_id": self.profile_id}
        storage.write_text(folder / "made_from.json", json.dumps(made_from, indent=1, sort_keys=True) + "\n")

    @classmethod
    def read(cls, place: Path, contents: Mapping[str, Any], world_id: str) -> Truth:
        """Read the ``truth/`` part of a world's folder that `storage.open_folder` has checked."""
        tables = {
            name: storage.read_table(place, schema, contents, under="truth/")
            for name, schema in SCHEMAS.items()
        }
        name = "truth/made_from.json"
        made_from = parse_json(storage.read_checked(place, name, contents), str(place / name))
        return cls(
            **tables,
            seed=made_from["seed"],
            scenario=made_from["scenario"],
            world_id=world_id,
            profile_id=made_from.get("profile_id", ""),
        )


def check_truth(given: object, call: str) -> None:
    """Refuse what is not a world's truth, with the call that was meant.

    Raises
    ------
    WallError
        For a world or its observed side.
    ResultsError
        For anything else.
    """
    if isinstance(given, Truth):
        return
    if isinstance(given, Observed) or hasattr(given, "observed"):
        what = "a world" if hasattr(given, "observed") else "a world's observed side"
        raise WallError(f"{what} in place of its truth", allowed="world.truth", remedy=f"write {call}")
    raise ResultsError(f"a {type(given).__name__}", allowed="a world's truth", remedy=f"write {call}")
