"""What a release is made of: one version for everything, and all that it publishes."""
