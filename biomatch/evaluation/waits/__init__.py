"""Waits at a port: counted from simulated days, and predicted naively from measured ones."""
