"""The decision card: what a board signs, in one screen."""
