"""Ports where people wait: the queue engine, booths by the hour, arrivals, and the hall that joins them."""
