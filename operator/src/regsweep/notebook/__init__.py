"""regsweep from Python: tfruns' functions over the same runs as the command line's, with data frames of pandas."""
