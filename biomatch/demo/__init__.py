"""The main job: the three questions of the mission asked of one world and graded on another."""
