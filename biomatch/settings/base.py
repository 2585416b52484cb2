"""What all settings share: TOML in, canonical JSON out, an id, and errors that name the nearest key."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from biomatch import files
from biomatch.cards import Card, Carded, facts
from biomatch.errors import LONGEST_SLIP, SettingsError, closest

ASSUMED = "assumed"


def setting(default: Any, source: str, *, unit: str = "", **bounds: Any) -> Any:
    """Declare one setting: its default, where that default comes from, its unit and its bounds.

    Parameters
    ----------
    default : object
        The default value (``...`` where there is none).
    source : str
        Citation of the default, or ``ASSUMED`` with the reason.
    unit : str
        Unit of the value where its name does not carry it.
    **bounds : object
        Bounds as pydantic takes them: ``ge``, ``gt``, ``le``, ``lt``, ``min_length``.
    """
    extra: dict[str, Any] = {"source": source}
    if unit:
        extra["unit"] = unit
    if isinstance(default, (dict, list)):
        frozen = json.dumps(default)
        return Field(default_factory=lambda: json.loads(frozen), json_schema_extra=extra, **bounds)
    return Field(default, json_schema_extra=extra, **bounds)


if TYPE_CHECKING:
    _Base = BaseModel
else:

    class _Doors(type(BaseModel)):
        """Makes every call of a settings' class speak as files and ``--set`` do.

        Not in ``__init__``: pydantic would call that for nested settings too, and a fault in them would lose
        the first part of its key.
        """

        def __call__(cls, *given: Any, **values: Any) -> Any:
            if given:
                raise _positional(cls, given)
            try:
                return super().__call__(**values)
            except ValidationError as fault:
                raise _explain(cls, fault, cls.__name__) from None

    class _Base(BaseModel, metaclass=_Doors):
        pass


class Settings(Carded, _Base):
    """A frozen group of settings; unknown keys are errors that name the nearest known key.

    Raises
    ------
    SettingsError
        From the constructor: for the first value that is unknown, lacking or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            if name in type(self).model_fields:
                raise SettingsError(
                    f"{type(self).__name__}.{name} = {value!r}: settings never change",
                    remedy=f'make a copy: with_({{"{name}": {value!r}}})',
                )
            super().__setattr__(name, value)

        @classmethod
        def model_validate(cls, obj: Any, *given: Any, **how: Any) -> Self:
            """Check plain data against the schema, as pydantic does, with the messages of settings."""
            try:
                return super().model_validate(obj, *given, **how)
            except ValidationError as fault:
                raise _explain(cls, fault, cls.__name__) from None

        @classmethod
        def model_validate_json(cls, json_data: Any, *given: Any, **how: Any) -> Self:
            """Check JSON against the schema, as pydantic does, with the messages of settings."""
            try:
                return super().model_validate_json(json_data, *given, **how)
            except ValidationError as fault:
                raise _explain(cls, fault, cls.__name__) from None

    def card(self) -> Card:
        """Say what is shown: the settings that are not their defaults."""
        name = getattr(self, "name", "")
        changed = [pair for pair in _changed(self) if pair[0] != "name"]
        return Card(f"{type(self).__name__} {name}".rstrip(), facts(*changed))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "the settings") -> Self:
        """Check a mapping against the schema.

        Raises
        ------
        SettingsError
            With the first fault: the key, what was given, what is allowed.
        """
        try:
            return super().model_validate(dict(values))
        except ValidationError as fault:
            raise _explain(cls, fault, where) from None
        except (RecursionError, OverflowError) as fault:
            said = "they nest too deep" if isinstance(fault, RecursionError) else str(fault)
            raise SettingsError(f"{where} cannot be used ({said})", remedy="change that setting") from None

    @classmethod
    def from_toml(cls, text: str, *, where: str = "the settings") -> Self:
        """Check TOML text against the schema; see `from_mapping`."""
        return cls.from_mapping(files.parse_toml(text, where, error=SettingsError), where=where)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a TOML file (or JSON, as operating points are written); see `from_mapping`."""
        return cls.from_mapping(values_of(path), where=str(path))

    def with_(self, changes: Mapping[str, Any], *, where: str = "the changes") -> Self:
        """Copy the settings with some of them changed; keys may be dotted (``"stays.overstay_share"``).

        `where` names the changes in messages.

        Raises
        ------
        SettingsError
            For an unknown key or a value out of range.
        """
        values = self.model_dump(mode="json")
        for key, value in changes.items():
            _put(values, key, value, type(self), where)
        return type(self).from_mapping(values, where=where)

    def canonical(self) -> str:
        """Give the settings as canonical JSON: sorted keys, no spaces, every default written out."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of `canonical`: a name for what was asked."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Hash by content, so that settings with mappings inside can key a cache."""
        return hash((type(self).__name__, self.canonical()))


def values_of(path: str | Path) -> dict[str, Any]:
    """Give what stands in a TOML file, or in a JSON object, as operating points are written.

    Raises
    ------
    SettingsError
        For a file that cannot be read, or is neither.
    """
    text = files.read_text(path, error=SettingsError)
    if not text.lstrip().startswith("{"):
        return files.parse_toml(text, str(path), error=SettingsError)
    found: dict[str, Any] = files.parse_json(text, str(path), error=SettingsError, constants=True)
    return found


def parse_changes(assignments: list[str]) -> dict[str, Any]:
    """Read ``--set a.b=V`` assignments; V is read as TOML and, failing that, as plain text.

    Examples
    --------
    >>> parse_changes(["travellers=500", "gallery.policy=manifest"])
    {'travellers': 500, 'gallery.policy': 'manifest'}
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"--set {assignment}", allowed="KEY=VALUE, for example --set travellers=500")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except (ValueError, RecursionError):  # no TOML: plain text
            value = text
        changes[key.strip()] = value
    return changes


def nearest(word: str, known: list[str]) -> str:
    """Give the sentence that names the nearest known word, or lists all of them."""
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else f"known: {', '.join(sorted(known))}"


def _changed(settings: Settings, prefix: str = "") -> list[tuple[str, object]]:
    """Give the dotted names and values of the settings that differ from their defaults."""
    found: list[tuple[str, object]] = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            found += _changed(value, f"{prefix}{name}.")
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if field.is_required() or value != default:
            found.append((f"{prefix}{name}", f"{len(value)} of them" if isinstance(value, dict) else value))
    return found


def _put(values: dict[str, Any], dotted: str, value: Any, model: type[BaseModel], where: str) -> None:
    """Change one value in nested plain data, refusing keys on the way that do not exist."""
    *path, last = dotted.split(".")
    place: Any = values
    for step in path:
        if not isinstance(place, dict) or not isinstance(place.get(step), dict):
            raise SettingsError(f"unknown setting {dotted!r} in {where}", remedy=suggestion(model, dotted))
        place = place[step]
    place[last] = value


def dotted_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Give the full dotted name of every setting of a schema, groups left out.

    Examples
    --------
    >>> from biomatch.settings.system import System
    >>> "gallery.policy" in dotted_keys(System), "gallery" in dotted_keys(System)
    (True, False)
    """
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += dotted_keys(kind, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def suggestion(model: type[BaseModel], dotted: str) -> str:
    """Name the setting that was probably meant, by its full dotted name, or list what there is.

    Examples
    --------
    >>> from biomatch.settings.scenario import Scenario
    >>> suggestion(Scenario, "faces.profil"), suggestion(Scenario, "travelers")
    ("did you mean 'faces.profile'?", "did you mean 'travellers'?")
    >>> suggestion(Scenario, "overstayer_leavin")
    "did you mean 'stays.overstayer_leaving'?"
    >>> suggestion(Scenario, "ees.start").startswith("known: ")
    True
    """
    known = dotted_keys(model)
    if not known:
        return "no key is known here"

    def likeness(key: str) -> float:
        whole = difflib.SequenceMatcher(None, dotted, key).ratio()
        last = difflib.SequenceMatcher(None, dotted.rpartition(".")[2], key.rpartition(".")[2]).ratio()
        # A name on its own, or in the wrong group, is known by its last part.
        return max(whole, last if "." not in dotted or last == 1.0 else 0.0)

    if len(dotted) <= LONGEST_SLIP:
        best = max(known, key=likeness)
        if likeness(best) >= LIKE:
            return f"did you mean {best!r}?"
    group = dotted.partition(".")[0]
    inside = [key for key in known if key.startswith(f"{group}.")]
    return f"known: {', '.join(sorted(inside or {key.partition('.')[0] for key in known}))}"


LIKE = 0.75
"""Likeness from which another setting is suggested: a letter or two astray, not another word."""


def _positional(model: type[BaseModel], given: tuple[Any, ...]) -> SettingsError:
    """Refuse values without a name, with the call that was likely meant."""
    shown = ", ".join(json.dumps(one, default=str)[:80] for one in given)
    remedy = f"name each: {model.__name__}({next(iter(model.model_fields))}=...)"
    if len(given) == 1 and isinstance(given[0], str | Path) and hasattr(model, "load"):
        remedy = f"write {model.__name__}.load({shown})"
    elif len(given) == 1 and isinstance(given[0], Mapping):
        remedy = f"write {model.__name__}(**values), or {model.__name__}.from_mapping(values)"
    return SettingsError(f"{model.__name__}({shown}): settings have names", remedy=remedy)


def _explain(model: type[BaseModel], fault: ValidationError, where: str) -> SettingsError:
    faults = fault.errors(include_url=False)
    # A name that there is not is named first: what seems to lack may stand under it.
    first = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return SettingsError(f"unknown setting {key!r} in {where}", remedy=suggestion(model, key))
    if first["type"] == "json_invalid":
        return SettingsError(f"text for {where} that is no JSON ({first['msg'].partition(': ')[2]})")
    if first["type"] == "missing":
        return SettingsError(f"{where} lacks the setting {key!r}", remedy="add it")
    given = json.dumps(first.get("input"), default=str)
    if len(given) > 80:
        given = given[:77] + "..."
    return SettingsError(
        f"{key or where} = {given} in {where}", allowed=allowed_words(first), remedy="change that setting"
    )


_PLAIN = (
    ("int", "a whole number"),
    ("float", "a number"),
    ("decimal", "a number"),
    ("finite", "a finite number"),
    ("bool", "true or false"),
    ("string_type", "text"),
    ("date", "a day as YYYY-MM-DD"),
    ("time", "a time as HH:MM"),
    ("list", "a list"),
    ("tuple", "a list"),
    ("set", "a list"),
    ("dict", "a table: names with values"),
    ("mapping", "a table: names with values"),
    ("model", "a table: names with values"),
)
"""What is wanted, by the beginning of the checker's name for a fault, where no bound says more."""


def allowed_words(fault: Mapping[str, Any]) -> str:
    """Say in plain words what a setting allows, from a fault that pydantic found.

    Examples
    --------
    >>> allowed_words({"type": "int_parsing", "msg": "Input should be a valid integer, unable to parse"})
    'a whole number'
    >>> allowed_words({"type": "greater_than_equal", "ctx": {"ge": 1}, "msg": ""})
    'at least 1'
    """
    kind, about = str(fault["type"]), fault.get("ctx") or {}
    bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for name, words in bounds.items():
        if name in about and kind != "multiple_of":
            return (
                f"{words} {about[name]:g}"
                if isinstance(about[name], (int, float))
                else f"{words} {about[name]}"
            )
    if "expected" in about:
        return str(about["expected"])
    if "min_length" in about or "max_length" in about:
        number = about.get("min_length", about.get("max_length"))
        what = "characters" if kind.startswith("string") else "entries"
        return f"{'at least' if 'min_length' in about else 'at most'} {number} {what}"
    if kind == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    for start, words in _PLAIN:
        if kind.startswith(start):
            return words
    return str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
