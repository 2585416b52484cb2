"""Sections of the report about alerts: the front, calibration, an impostor, one alert explained."""
