"""What a pass writes to the API server: Jobs, records, statuses, events."""
