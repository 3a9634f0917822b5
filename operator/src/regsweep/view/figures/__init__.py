"""The pictures, one per module: each a function from results to a `Picture`, or to None where there is nothing to see."""
