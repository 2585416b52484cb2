"""Thresholds of alerts under a limit of stops or by cost."""
