"""Generator of synthetic border worlds; knows nothing of matching."""
