"""The reference training container of regsweep."""
