"""Journeys: when parties come and go, for how long they may stay, and whether they keep to it."""
