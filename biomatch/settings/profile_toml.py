"""Face profiles out: the TOML text of a profile, in the order of its schema."""

from __future__ import annotations

import json
from typing import Any

from biomatch.settings.base import Settings


def profile_toml(profile: Settings) -> str:
    """Write a profile as TOML; reading it back gives an equal profile.

    Parameters
    ----------
    profile : Settings
        A `FaceProfile`.

    Returns
    -------
    str
        TOML text that ends in a newline; every default is written out.
    """
    values = profile.model_dump(mode="json", exclude_none=True)
    plain = {key: value for key, value in values.items() if not isinstance(value, (dict, list))}
    lines = [f"{key} = {_scalar(value)}" for key, value in plain.items()]
    if values.get("centre"):
        lines.append("centre = [" + ", ".join(_scalar(value) for value in values["centre"]) + "]")
    for key, table in values.items():
        if not isinstance(table, dict):
            continue
        lines += ["", f"[{key}]"]
        lines += [f"{k} = {_scalar(v)}" for k, v in table.items() if not isinstance(v, dict)]
        for sub, members in table.items():
            if isinstance(members, dict) and members:
                lines += ["", f"[{key}.{sub}]"]
                lines += [f"{json.dumps(label)} = {_inline(value)}" for label, value in members.items()]
    for row in values["targets"]:
        lines += ["", "[[targets]]", *(f"{k} = {_scalar(v)}" for k, v in row.items())]
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _inline(table: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{key} = {_scalar(value)}" for key, value in table.items()) + " }"
