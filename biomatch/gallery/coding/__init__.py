"""Compressed search: four-bit codes are scanned, and what could be a mate is looked at again."""
