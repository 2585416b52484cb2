"""Every door through which a file of somebody else comes in, found by looking, never by a list of names.

A new command, or a new public function that takes a path, is a door the moment it exists.
"""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
import types
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import typer

import biomatch
from biomatch.cli import build

WRITES = ("write", "new_", "free_", "put", "save", "reserve", "recover", "sync", "named", "allow", "generate")
"""Beginnings of the names of functions that are given a path to write to."""
OUTPUTS = {"out", "tables", "charts", "plot", "report", "rejects"}
"""Options that name what is written."""
CLOSED = {"biomatch.gallery", "biomatch.training", "biomatch.cli"}
"""Packages with hostile tests of their own (gallery), that only ship models, or that are met as commands."""


@dataclass(frozen=True)
class CommandDoor:
    """A parameter of a command that names a file or a folder which is read."""

    words: tuple[str, ...]
    name: str
    option: str | None

    def __str__(self) -> str:
        return f"{' '.join(self.words)} {self.option or self.name.upper()}"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command: how it is written, what it takes, whether it must be there."""

    name: str
    option: str | None
    path: bool
    many: bool
    required: bool
    kind: typing.Any


Commands = dict[tuple[str, ...], list[Parameter]]


@cache
def commands() -> Commands:
    """Walk the application: words of each command, and its parameters."""
    return _below(build(), ())


def _below(app: typer.Typer, before: tuple[str, ...]) -> Commands:
    found = {}
    for one in app.registered_commands:
        words = (*before, one.name or one.callback.__name__.replace("_", "-"))
        found[words] = parameters(one.callback)
    for group in app.registered_groups:
        inner = group.typer_instance
        found |= _below(inner, (*before, group.name or inner.info.name))
    return found


def parameters(callback) -> list[Parameter]:
    hints = typing.get_type_hints(callback, include_extras=True)
    found = []
    for name, one in inspect.signature(callback).parameters.items():
        plain, info = hints[name], one.default
        while typing.get_origin(plain) is typing.Annotated:
            info = next((meta for meta in plain.__metadata__ if hasattr(meta, "param_decls")), info)
            plain = plain.__origin__
        argument = isinstance(info, typer.models.ArgumentInfo)
        said = (getattr(info, "default", None), *(getattr(info, "param_decls", None) or ()))
        words = [word for word in said if isinstance(word, str) and word.startswith("--")]
        option = None if argument else (words[0] if words else f"--{name.replace('_', '-')}")
        about = str(getattr(info, "help", "") or "")
        path = _mentions(plain, Path) or (_mentions(plain, str) and "TOML file" in about)
        required = one.default is inspect.Parameter.empty or one.default is ...
        many = list in map(typing.get_origin, (plain, *typing.get_args(plain)))
        found.append(Parameter(name, option, path, many, required, plain))
    return found


def command_doors() -> list[CommandDoor]:
    return [
        CommandDoor(words, one.name, one.option)
        for words, given in sorted(commands().items())
        for one in given
        if one.path and one.name not in OUTPUTS
    ]


def _is_path(annotation) -> bool:
    """Say whether an annotation is Path, or a union with it (a list of paths is no path)."""
    return annotation is Path or (
        isinstance(annotation, types.UnionType) and Path in typing.get_args(annotation)
    )


def _mentions(annotation, kind) -> bool:
    if annotation is kind:
        return True
    return any(_mentions(part, kind) for part in typing.get_args(annotation))


@dataclass(frozen=True)
class FunctionDoor:
    """A public function, or class method, whose first parameter is a path that it reads."""

    module: str
    qualname: str
    more: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.module}.{self.qualname}"

    def call(self, path):
        where = importlib.import_module(self.module)
        for part in self.qualname.split("."):
            where = getattr(where, part)
        made = where(path, *[VALUES[kind] for kind in self.more])
        return list(made) if isinstance(made, types.GeneratorType) else _entered(made)


def _entered(made):
    if hasattr(made, "__enter__") and hasattr(made, "gen"):  # a context manager made of a generator
        with made as inner:
            return inner
    if isinstance(made, io.IOBase):
        made.close()
    return made


VALUES = {"str": "thing", "int": 4, "bytes": b"x", "float": 0.5}
"""What further required parameters get."""


def function_doors() -> list[FunctionDoor]:
    """Every public callable of the package whose first parameter is a path and whose others can be filled."""
    found = {}
    for module in pkgutil.walk_packages(biomatch.__path__, "biomatch."):
        if any(module.name == one or module.name.startswith(f"{one}.") for one in CLOSED):
            continue
        where = importlib.import_module(module.name)
        for name, value in vars(where).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.name:
                continue
            if inspect.isclass(value):
                inner = [
                    (f"{name}.{method}", getattr(value, method))
                    for method, held in vars(value).items()
                    if isinstance(held, (classmethod, staticmethod)) and not method.startswith("_")
                ]
            else:
                inner = [(name, value)] if callable(value) else []
            for qualname, function in inner:
                door = _door(module.name, qualname, function)
                if door is not None:
                    found[str(door)] = door
    return [found[name] for name in sorted(found)]


def _door(module: str, qualname: str, function) -> FunctionDoor | None:
    if qualname.rpartition(".")[2].startswith(WRITES):
        return None
    try:
        given = list(inspect.signature(function).parameters.values())
        hints = typing.get_type_hints(inspect.unwrap(getattr(function, "__func__", function)))
    except (TypeError, ValueError, NameError):
        return None
    if not given or not _is_path(hints.get(given[0].name)):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in given):  # a building block: its caller explains its errors
        return None
    more = []
    for one in given[1:]:
        if one.default is not inspect.Parameter.empty or one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            continue
        kind = getattr(hints.get(one.name), "__name__", "")
        if kind not in VALUES or one.kind is one.KEYWORD_ONLY:
            return None
        more.append(kind)
    return FunctionDoor(module, qualname, tuple(more))
