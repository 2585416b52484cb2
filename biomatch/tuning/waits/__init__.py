"""Thresholds priced in waits: the front of one search, the choice on it, and the smallest roster."""
