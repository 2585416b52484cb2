"""Stays: linkage of entries to exits, and the rules that say who has overstayed."""
