"""A sweep as TensorBoard and MLflow show it, made from what is stored: the same from a laptop's folders and from a cluster."""
