"""What is read without asking the API server, for all sweeps."""
