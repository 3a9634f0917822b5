"""Data: read from files, checked, and described by their columns."""
