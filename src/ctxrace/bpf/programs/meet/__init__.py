"""Two programs on one CPU: what both can reach, how they meet, and the system that an engine searches."""
