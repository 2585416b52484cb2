"""How Sphinx builds the pages of this folder; everything is local, nothing is fetched."""

# Sphinx calls the functions here with more than each needs.
# ruff: noqa: ARG001

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Any

project = "biomatch"
author = "the biomatch authors"
copyright = author  # noqa: A001 - Sphinx's name for it
release = importlib.metadata.version("biomatch")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# Attributes of one name in several classes: a link from a table of attributes takes the first of them.
suppress_warnings = ["ref.python"]
myst_heading_anchors = 3

# A name in single backticks is a link where the reference has it, and code where it has not.
default_role = "py:obj"
add_module_names = False
python_display_short_literal_types = True
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
autosummary_generate = False

html_theme = "furo"
html_title = f"biomatch {release}"
html_copy_source = False
html_show_sphinx = False


def _list_settings(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Append a table of its settings to a group's docstring: default, unit, and where the default is from."""
    from biomatch.settings.base import Settings

    if what != "class" or not issubclass(item, Settings) or not item.model_fields:
        return
    lines += [
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - setting",
        "     - default",
        "     - source",
    ]
    for key, field in item.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = (
            "required" if field.is_required() else f"``{field.get_default(call_default_factory=True)!r}``"
        )
        if isinstance(field.get_default(call_default_factory=True), Settings):
            default = "a group"
        unit = f" {extra['unit']}" if extra.get("unit") else ""
        lines += [f"   * - ``{key}``", f"     - {default}{unit}", f"     - {_plain(extra.get('source', ''))}"]
    lines.append("")


def _plain(text: Any) -> str:
    """Keep a citation's signs from being read as markup."""
    return "".join(f"\\{sign}" if sign in "\\*`_|" else sign for sign in str(text)) or "-"


def _name_files(app: Any, page: str, source: list[str]) -> None:
    """Turn links to files of the checkout outside this folder into their names: the pages stand alone."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", source[0])


def _make_pages(app: Any) -> None:
    """Make the pages that come from the code; this folder is not on the path by itself."""
    sys.path.insert(0, str(Path(__file__).parent))
    from made import make

    make(app)


def setup(app: Any) -> None:
    """Connect what this file adds."""
    app.connect("builder-inited", _make_pages)
    app.connect("source-read", _name_files)
    app.connect("autodoc-process-docstring", _list_settings)
