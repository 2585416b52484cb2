"""What users add by registering it: detectors, indexes, score readers and rule sets.

A name is registered for this process, or by a package that is installed beside biomatch: its entry point in
the group ``biomatch.plugins`` names a function without arguments that calls the ``register_*`` functions. It
is called once, when a name is first looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from biomatch.errors import SettingsError, closest

GROUP = "biomatch.plugins"
"""Group of entry points; each names a function without arguments that registers what its package brings."""
Named = TypeVar("Named")
_loaded: set[str] = set()


def load_plugins() -> None:
    """Let every installed package register what it brings, once.

    Raises
    ------
    SettingsError
        For a package whose function fails: what it brings would be missing without a word.
    """
    for point in entry_points(group=GROUP):
        if point.value in _loaded:
            continue
        _loaded.add(point.value)  # before the call: what it registers looks names up as well
        try:
            point.load()()
        except SettingsError:
            raise
        except Exception as fault:
            raise SettingsError(
                f"the plugin {point.name!r} ({point.value}) failed: {type(fault).__name__}: {fault}",
                remedy="mend it, or uninstall its package",
            ) from fault


class Registry(Generic[Named]):
    """Named things of one sort that were registered, beside those that ship.

    Parameters
    ----------
    noun : str
        What one of them is called in messages.
    shipped : tuple of str
        Names that are taken.

    Examples
    --------
    >>> colours: Registry[str] = Registry("colour", shipped=("red",))
    >>> colours.add("blue", "#00f")
    >>> colours.get("blue"), "red" in colours, list(colours)
    ('#00f', False, ['blue'])
    >>> colours.get("bleu")
    Traceback (most recent call last):
    biomatch.errors.SettingsError: unknown colour 'bleu'; allowed: red, blue; did you mean 'blue'?
    """

    def __init__(self, noun: str, shipped: tuple[str, ...] = ()) -> None:
        self.noun, self.shipped = noun, shipped
        self._named: dict[str, Named] = {}

    def add(self, name: str, value: Named, *, replace: bool = False) -> None:
        """Register one under a name that is not taken, or replace what was registered.

        Raises
        ------
        SettingsError
            For a name that is no identifier, or one that is taken.
        """
        plain = name.replace("-", "_") if isinstance(name, str) else ""
        if not plain.isidentifier():
            raise SettingsError(
                f"{self.noun} name {name!r}", allowed="letters, digits, - and _, not beginning with a digit"
            )
        if name in self.shipped:
            raise SettingsError(
                f"{self.noun} {name!r} ships with biomatch", remedy="register yours under another name"
            )
        if name in self._named and not replace and self._named[name] != value:
            raise SettingsError(
                f"{self.noun} {name!r} is registered already",
                remedy="choose another name, or give replace=True",
            )
        self._named[name] = value

    def remove(self, name: str) -> None:
        """Forget a registered name; one that is not registered is no fault."""
        self._named.pop(name, None)

    def get(self, name: str) -> Named:
        """Give what is registered under a name.

        Raises
        ------
        SettingsError
            For a name that is not registered; the nearest is named.
        """
        load_plugins()
        if name not in self._named:
            known = [*self.shipped, *self._named]
            close = closest(str(name), known)
            raise SettingsError(
                f"unknown {self.noun} {name!r}",
                allowed=", ".join(known),
                remedy=f"did you mean {close!r}?" if close else "",
            )
        return self._named[name]

    def __contains__(self, name: object) -> bool:
        load_plugins()
        return name in self._named

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(tuple(self._named))


@dataclass(frozen=True)
class RegisteredDetector:
    """A detector of a user's own.

    Attributes
    ----------
    find : callable
        Takes `biomatch.fraud.facts.Facts`, gives scored alerts.
    threshold : float
        Score from which it alarms until it is tuned.
    event : str
        Kind of event that it is made for; empty where the truth has none.
    galleries : frozenset of str
        Policies of which one must be searched; empty: it needs no gallery.
    causes : callable or None
        Takes its false alarms and `biomatch.evaluation.alerts.events.Scene`, gives a cause for each.
    """

    find: Callable[..., Any]
    threshold: float
    event: str = ""
    galleries: frozenset[str] = frozenset()
    causes: Callable[..., Any] | None = None


@dataclass(frozen=True)
class RegisteredReader:
    """A score reader of a user's own: ``read(paths, truth=None, enrolled=0, distances=False)``.

    Attributes
    ----------
    read : callable
        Gives a `biomatch.scorefiles.ScoreFile`.
    about : str
        What the form looks like, for messages.
    files : int
        How many files it takes.
    recognises : callable or None
        Takes the first line of a file and says whether it is of this form.
    """

    read: Callable[..., Any]
    about: str
    files: int = 1
    recognises: Callable[[str], bool] | None = None


DETECTORS: Registry[RegisteredDetector] = Registry("kind of alert")
INDEXES: Registry[Callable[..., Any]] = Registry("index", ("flat", "compressed", "milvus", "auto"))
READERS: Registry[RegisteredReader] = Registry("format")
RULES: Registry[Callable[..., Any]] = Registry("rule set", ("us", "eu"))
