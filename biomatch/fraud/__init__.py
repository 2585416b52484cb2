"""Fraud: detectors that turn records, faces and candidate lists into alerts.

Every alert carries a score before any threshold (higher is more suspicious), so that one pass yields
the whole curve. A detector emits only what lies above its declared floor, and says what the floor is.
A file a kind; `biomatch.fraud.detect` runs those that a system asks for.
"""
