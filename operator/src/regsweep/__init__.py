"""regsweep: which regularisation keeps a neural network from overfitting, and how sure that is."""
