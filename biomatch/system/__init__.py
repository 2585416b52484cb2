"""The system under test: replays encounters in time order, searches, decides, links."""
