"""Where the data files that ship with the package lie, and which code is installed."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_dir() -> Path:
    """Find the folder of ONNX files and face profiles.

    Returns
    -------
    pathlib.Path
        ``biomatch/_models`` where the wheel put it, else ``models/`` of the checkout.
    """
    installed = _PACKAGE / "_models"
    return installed if installed.is_dir() else _PACKAGE.parent / "models"


UNCOUNTED = ("cli", "reporting")
"""Packages that no count depends on: everything else stands on lower floors."""


@cache
def code_id() -> str:
    """Hash the installed sources that counts depend on, and the shipped data files.

    Read once a process: what is imported is what was there when it started.

    Returns
    -------
    str
        First 16 hexadecimal digits of SHA-256 over names and bytes of the sources of `biomatch` (without
        `cli` and `reporting`), of `biomatch_synthetic`, and of the models, profiles and scenarios.

    Examples
    --------
    >>> len(code_id()), code_id() == code_id()
    (16, True)
    """
    generator = find_spec("biomatch_synthetic")
    roots = [("biomatch", _PACKAGE, "*.py"), ("models", models_dir(), "*")]
    if generator is not None and generator.submodule_search_locations:
        roots.append(("biomatch_synthetic", Path(generator.submodule_search_locations[0]), "*.py"))
    return sources_id(roots)


def sources_id(roots: list[tuple[str, Path, str]]) -> str:
    """Hash the files of some folders; (label, folder, pattern) each, wherever the folder lies."""
    whole = hashlib.sha256()
    for label, root, pattern in sorted(roots):
        for file in sorted(root.rglob(pattern)):
            inner = file.relative_to(root)
            if not file.is_file() or inner.parts[0] in UNCOUNTED or "__pycache__" in inner.parts:
                continue
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{label}/{inner.as_posix()} {content}\n".encode())
    return whole.hexdigest()[:16]
