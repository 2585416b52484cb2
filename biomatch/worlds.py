"""Makes a world (calls the generator) or opens one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from biomatch.errors import SettingsError, WallError
from biomatch.settings.scenario import Scenario
from biomatch.tables import storage
from biomatch.tables.observed import Observed, recorded_id
from biomatch.truth import Truth

KIND = "world"
FIRST_RESERVED_SEED = 2**32
"""Seeds from here up train the shipped models; users' worlds may not use them."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class World:
    """A synthetic border world: what can be observed, and the truth.

    Attributes
    ----------
    observed : Observed
        What the system under test may see.
    id : str
        Hash of what was asked: settings, the face profile's content, seed, version of the generator.
    path : pathlib.Path or None
        Its folder, where it was opened from one.
    """

    observed: Observed
    id: str
    path: Path | None = None
    _truth: Truth | None = None

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


def check_seed(seed: int) -> int:
    """Refuse a seed that is negative or reserved for the training of shipped models."""
    if not 0 <= seed < FIRST_RESERVED_SEED:
        raise SettingsError(f"seed {seed}", allowed=f"0 to {FIRST_RESERVED_SEED - 1}")
    return seed


def world(scenario: Scenario, seed: int, progress: Progress | None = None, *, beyond: bool = False) -> World:
    """Make a world in memory.

    Parameters
    ----------
    scenario : Scenario
        The settings.
    seed : int
        Root seed and lineage, 0 to 2**32 - 1. Two worlds of one seed share people.
    progress : callable, optional
        Called with (stage, done, total).
    beyond : bool
        Whether a face profile is used whose fit was refused.

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
    """
    from biomatch_synthetic.world import make

    _check_profile(scenario, beyond)
    observed, truth = make(scenario, check_seed(seed), progress=progress)
    return World(observed, observed.id, None, replace(truth, world_id=observed.id))


def write_world(
    scenario: Scenario,
    seed: int,
    out: str | Path,
    progress: Progress | None = None,
    *,
    beyond: bool = False,
) -> World:
    """Make a world in a folder; templates go straight to disk.

    Raises
    ------
    TableError
        When something else stands at `out`, or the disk is full.
    """
    from biomatch_synthetic.world import make

    check_seed(seed)
    _check_profile(scenario, beyond)
    about: dict[str, Any] = {}
    with storage.new_folder(out, KIND, about) as folder:
        (folder / "observed").mkdir()
        observed, truth = make(
            scenario, seed, templates_path=folder / "observed" / "templates.npy", progress=progress
        )
        observed.write(folder / "observed")
        truth.write(folder / "truth")
        about["observed"], about["world_id"] = dict(observed.about), observed.id
    return open_world(out)


def _check_profile(scenario: Scenario, beyond: bool) -> None:
    """Refuse a face profile whose own fit was refused."""
    profile = scenario.faces.face_profile()
    if profile.verdict is not None:
        profile.verdict.check_use(profile.name, beyond=beyond)


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
    if (place / "truth").is_dir():
        storage.open_folder(place, KIND)
        truth = Truth.read(place, contents, observed.id)
    return World(observed, observed.id, place, truth)


def open_observed(path: str | Path) -> Observed:
    """Open only what the system under test may see; ``truth/`` is not touched."""
    return _observed(Path(path))[0]


def _observed(place: Path) -> tuple[Observed, dict[str, Any]]:
    contents = storage.open_folder(place, KIND, absent=("truth/",))
    observed = Observed.read(place, contents)
    return replace(observed, id=recorded_id(contents)), contents
