"""The process around the passes: its parts, its leadership, what makes a sweep due, health and logs."""
