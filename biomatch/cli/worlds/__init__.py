"""Commands from a world to a report: demo, the flow, tuning, judging, studies and ports."""
