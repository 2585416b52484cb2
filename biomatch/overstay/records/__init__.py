"""A user's own entries and exits: read, linked, and listed with what is expected to be wrong."""
