"""Makes a world (calls the generator) or opens one."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

from biomatch.cards import Card, Carded, Progress, facts
from biomatch.errors import SettingsError, WallError
from biomatch.files import guarded
from biomatch.settings.scenario import Scenario
from biomatch.tables import seals, storage
from biomatch.tables.observed import Observed, recorded_id
from biomatch.tables.seals import question_of
from biomatch.truth import Truth

KIND = "world"
FIRST_RESERVED_SEED = 2**32
"""Seeds from here up train the shipped models; users' worlds may not use them."""


@dataclass(frozen=True, eq=False, repr=False)
class World(Carded):
    """A synthetic border world: what can be observed, and the truth.

    Attributes
    ----------
    observed : Observed
        What the system under test may see.
    id : str
        Hash of what was asked: settings, the face profile's content, seed, version of the generator.
    path : pathlib.Path or None
        Its folder, where it was opened from one.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world("tiny", seed=1)
    >>> made.observed.encounters.height > 1_000
    True
    """

    observed: Observed
    id: str
    path: Path | None = None
    _truth: Truth | None = None

    def card(self) -> Card:
        """Say what is shown: what was observed, and whether the truth is at hand."""
        about, known = self.observed.about, self._truth
        return Card(
            f"World {self.id}",
            facts(
                ("scenario", about.get("scenario")),
                ("seed", None if known is None else str(known.seed)),
                ("days", f"{about.get('first_day')} to {about.get('last_day')}"),
                ("encounters", self.observed.encounters.height),
                ("documents", self.observed.documents.height),
                ("templates", f"{len(self.observed.templates):,} of {self.observed.dimension} values"),
                ("truth", "not at hand" if known is None else f"{known.people.height:,} people"),
                ("folder", self.path),
                ("next", 'bm.search(world.observed, "default")'),
            ),
        )

    @property
    def truth(self) -> Truth:
        """The answers.

        Raises
        ------
        WallError
            When the world's folder came without ``truth/``.
        """
        if self._truth is None:
            raise WallError(
                f"the world {self.path or self.id} has no truth/",
                remedy="only the holder of the truth can tune on it or grade it",
            )
        return self._truth

    def save(self, path: str | Path) -> Path:
        """Write the world to a folder that `open_world` and the command line read.

        Parameters
        ----------
        path : path
            A folder that does not exist yet; a world that stands there already is left alone where it is the
            same one.

        Returns
        -------
        pathlib.Path
            Where it was written.

        Raises
        ------
        TableError
            When something else stands at `path`, or the disk is full.

        Examples
        --------
        >>> made = world(Scenario.load("tiny").with_({"travellers": 200}), seed=1)
        >>> open_world(made.save("saved-world")).id == made.id
        True
        """
        place = Path(path)
        if place.exists() and self.path is not None and place.resolve() == self.path.resolve():
            return place
        about: dict[str, Any] = {"observed": dict(self.observed.about), "world_id": self.id}
        with storage.new_folder(place, KIND, about) as folder:
            (folder / "observed").mkdir()
            self.observed.write(folder / "observed")
            if self._truth is not None:
                self._truth.write(folder / "truth")
        return place


def check_seed(seed: Any) -> int:
    """Refuse a seed that is negative or reserved for the training of shipped models."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < FIRST_RESERVED_SEED:
        raise SettingsError(f"seed {seed}", allowed=f"0 to {FIRST_RESERVED_SEED - 1}")
    return int(seed)


def world(scenario: Scenario | str | Path, seed: int, progress: Progress | None = None) -> World:
    """Make a world in memory.

    Parameters
    ----------
    scenario : Scenario, str or path
        The settings; a built-in name or a TOML file will do.
    seed : int
        Root seed and lineage, 0 to 2**32 - 1. Two worlds of one seed share people.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    World
        With its two sides, ``observed`` and ``truth``.

    Examples
    --------
    >>> small = Scenario.load("tiny").with_({"travellers": 200})
    >>> made = world(small, seed=1)
    >>> made.observed.encounters.height > 200, made.truth.lineage, made.id == world(small, seed=1).id
    (True, 1, True)
    >>> world("tiny", seed=1).observed.encounters.height > 1_000
    True
    """
    from biomatch_synthetic.world import make

    observed, truth = make(Scenario.of(scenario), check_seed(seed), progress=progress)
    return World(observed, observed.id, None, replace(truth, world_id=observed.id))


def write_world(
    scenario: Scenario | str | Path, seed: int, out: str | Path, progress: Progress | None = None
) -> World:
    """Make a world in a folder; templates go straight to disk.

    Raises
    ------
    TableError
        When something else stands at `out`, or the disk is full.
    """
    from biomatch_synthetic.world import make

    check_seed(seed)
    scenario = Scenario.of(scenario)
    about: dict[str, Any] = {}
    asked = question_of(scenario=scenario.canonical(), seed=seed)
    with storage.new_folder(out, KIND, about, question=asked) as folder:
        (folder / "observed").mkdir()
        observed, truth = make(
            scenario,
            seed,
            templates_path=folder / "observed" / "templates.npy",
            progress=progress,
        )
        observed.write(folder / "observed")
        truth.write(folder / "truth")
        about["observed"], about["world_id"] = dict(observed.about), observed.id
    return open_world(out)


def open_world(path: str | Path) -> World:
    """Open a world's folder; one without ``truth/`` opens too, and can be searched and run.

    Raises
    ------
    TableError
        When the folder is not whole: a file is missing, cut short, altered, or of another schema.

    Examples
    --------
    >>> made = write_world(Scenario.load("tiny").with_({"travellers": 200}), 1, "opened-world")
    >>> open_world("opened-world").id == made.id
    True
    """
    place = Path(path)
    observed, contents = _observed(place)
    truth = None
    if os.path.isdir(place / "truth"):  # noqa: PTH112 - see files.exists
        storage.open_folder(place, KIND)
        truth = guarded(lambda: Truth.read(place, contents, observed.id), place, "a whole world")
    return World(observed, observed.id, place, truth)


def open_observed(path: str | Path) -> Observed:
    """Open only what the system under test may see; ``truth/`` is not touched."""
    return _observed(Path(path))[0]


def _observed(place: Path) -> tuple[Observed, dict[str, Any]]:
    contents = storage.open_folder(place, KIND, absent=("truth/",))
    observed = guarded(lambda: Observed.read(place, contents), place, "a whole world")
    for text in observed.about.get("profile_warnings", ()):
        seals.add_note(f"warning: the world's face profile: {text}")
    return replace(observed, id=recorded_id(contents)), contents
