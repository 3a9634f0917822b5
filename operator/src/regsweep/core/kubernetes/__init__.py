"""What a run is in Kubernetes: its Job and pod template, and Jobs and pods read back."""
