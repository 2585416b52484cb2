"""What all settings share: TOML in, canonical JSON out, an id, and errors that name the nearest key."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from biomatch import files
from biomatch.errors import SettingsError

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


class Settings(BaseModel):
    """A frozen group of settings; unknown keys are errors that name the nearest known key."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "the settings") -> Self:
        """Check a mapping against the schema.

        Raises
        ------
        SettingsError
            With the first fault: the key, what was given, what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
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

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """Copy the settings with some of them changed; keys may be dotted (``"stays.overstay_share"``).

        Raises
        ------
        SettingsError
            For an unknown key or a value out of range.
        """
        values = self.model_dump(mode="json")
        for key, value in changes.items():
            _put(values, key, value, type(self))
        return type(self).from_mapping(values, where="--set")

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
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def _put(values: dict[str, Any], dotted: str, value: Any, model: type[BaseModel]) -> None:
    """Change one value in nested plain data, refusing keys on the way that do not exist."""
    *path, last = dotted.split(".")
    place: Any = values
    for step in path:
        if not isinstance(place, dict) or not isinstance(place.get(step), dict):
            known = sorted(place) if isinstance(place, dict) else sorted(model.model_fields)
            raise SettingsError(f"unknown setting {dotted!r}", remedy=nearest(step, known))
        place = place[step]
    place[last] = value


def _explain(model: type[BaseModel], fault: ValidationError, where: str) -> SettingsError:
    first = fault.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        siblings = _keys_at(model, first["loc"][:-1])
        return SettingsError(
            f"unknown setting {key!r} in {where}", remedy=nearest(str(first["loc"][-1]), siblings)
        )
    if first["type"] == "missing":
        return SettingsError(f"{where} lacks the setting {key!r}", remedy="add it")
    given = json.dumps(first.get("input"), default=str)
    if len(given) > 80:
        given = given[:77] + "..."
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return SettingsError(
        f"{key or where} = {given} in {where}", allowed=message, remedy="change that setting"
    )


def _keys_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Names of the settings below a path of a schema (all of the top level where it leads nowhere)."""
    here: type[BaseModel] = model
    for step in path:
        field = here.model_fields.get(str(step))
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            break
        here = kind
    return sorted(here.model_fields)
