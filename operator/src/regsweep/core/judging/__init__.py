"""What the results come to: the ranking, the analysis, and how sure both are."""
