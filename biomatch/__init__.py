"""Simulates and benchmarks biometric entry and exit at borders."""
