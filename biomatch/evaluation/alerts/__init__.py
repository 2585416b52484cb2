"""Alerts judged by the truth: events caught, honest travellers stopped, causes, curves."""
