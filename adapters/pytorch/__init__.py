"""PyTorch: tables of expressions, and the engine that runs them."""
