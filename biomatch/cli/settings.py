"""What is built in: ``scenario list|show``, ``system list|show`` and ``profile list|show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, emit

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Name = Annotated[str, typer.Argument(help="A built-in name or a TOML file.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    scenario = typer.Typer(help="The built-in scenarios: what a world is made from.", no_args_is_help=True)
    scenario.command("list")(scenario_list)
    scenario.command("show")(scenario_show)
    system = typer.Typer(help="The built-in systems: what is under test.", no_args_is_help=True)
    system.command("list")(system_list)
    system.command("show")(system_show)
    app.add_typer(scenario, name="scenario")
    app.add_typer(system, name="system")
    profile = typer.Typer(help="The built-in face profiles: which matcher's twin.", no_args_is_help=True)
    profile.command("list")(profile_list)
    profile.command("show")(profile_show)
    app.add_typer(profile, name="profile")


def scenario_list(as_json: Json = False) -> None:
    """List the built-in scenarios."""
    from biomatch.settings.scenario import Scenario

    about = {name: Scenario.load(name) for name in Scenario.names()}
    width = max(map(len, about))
    lines = [
        f"{name:{width}}  {one.travellers:>9,} travellers, {one.days:>5,} days  {one.about}"
        for name, one in about.items()
    ]
    said = {
        name: {"about": one.about, "travellers": one.travellers, "days": one.days}
        for name, one in about.items()
    }
    emit(as_json, {"scenarios": list(about), "about": said}, lines)


def scenario_show(name: Name, as_json: Json = False) -> None:
    """Print a scenario as TOML, with the source of each default."""
    from biomatch.settings.scenario import Scenario

    _show(Scenario.load(name), as_json)


def system_list(as_json: Json = False) -> None:
    """List the built-in systems."""
    from biomatch.settings.system import System

    about = {name: System.about(name) for name in System.names()}
    width = max(map(len, about))
    emit(
        as_json,
        {"systems": list(about), "about": about},
        [f"{name:{width}}  {line}" for name, line in about.items()],
    )


def system_show(name: Name, as_json: Json = False) -> None:
    """Print a system as TOML, with the source of each default."""
    from biomatch.settings.system import System

    _show(System.load(name), as_json)


def profile_list(as_json: Json = False) -> None:
    """List the built-in face profiles: name, values a template, what each is a twin of."""
    from biomatch.settings.profile import built_in, load_profile

    profiles = [load_profile(name) for name in built_in()]
    about = {one.name: {"about": one.about, "dimension": one.dimension, "id": one.id} for one in profiles}
    width = max(map(len, about))
    lines = [f"{one.name:{width}s}  {one.dimension:4d} values  {one.about}" for one in profiles]
    emit(as_json, {"profiles": list(about), "about": about}, lines)


def profile_show(name: Name, as_json: Json = False) -> None:
    """Print a face profile as TOML, with the source of each default and of what it was fitted to."""
    from biomatch.settings.profile import load_profile

    _show(load_profile(name), as_json)


def _show(settings: Any, as_json: bool) -> None:
    values = settings.model_dump(mode="json")
    emit(as_json, {"settings": values, "id": settings.id}, toml_lines(settings))


def toml_lines(settings: Any, prefix: str = "") -> list[str]:
    """Write settings as TOML, each value under a comment with the source of its default.

    A value that is not the default's own says which default the source speaks of. Empty values are left out.
    """
    from pydantic import BaseModel

    plain, tables = [], []
    values = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            tables += ["", f"[{prefix}{name}]", *toml_lines(value, f"{prefix}{name}.")]
        elif value is not None:
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            if "source" in extra:
                unit = f" [{extra['unit']}]" if "unit" in extra else ""
                plain.append(f"# {_other_default(field, values[name])}{extra['source']}{unit}")
            plain.append(f"{name} = {toml_value(values[name])}")
    return plain + tables


def _other_default(field: FieldInfo, value: Any) -> str:
    """Say what the default is, where a value that has one is another."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if field.is_required() or default == value or default in ("", [], {}):
        return ""
    text = "none" if default is None else toml_value(default)
    return f"default {text}: " if len(text) <= 40 else "another default: "


def toml_value(value: Any) -> str:
    """Write one value as TOML: JSON, but for mappings, which TOML writes inline with equals signs."""
    if isinstance(value, dict):
        given = {key: item for key, item in value.items() if item is not None}  # TOML has no null
        inside = ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in given.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
