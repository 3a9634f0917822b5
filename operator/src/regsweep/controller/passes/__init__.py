"""One pass over a sweep: what it observes, when things are due, what is remembered between two passes."""
