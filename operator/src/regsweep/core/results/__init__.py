"""What a result is: the record of a replicate, the sources that it is taken from, and how it is stored."""
