"""The settings of scenario, system and face profile: TOML in, canonical JSON out, an id."""

from biomatch.settings.base import ASSUMED, Settings, parse_changes, setting

__all__ = ["ASSUMED", "Settings", "parse_changes", "setting"]
