"""Fits what the package ships: face profiles, calibrators and fusion; writes ``models/``."""
