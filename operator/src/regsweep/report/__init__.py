"""What a person reads: the ranked table, its words, and the same results for programs."""
