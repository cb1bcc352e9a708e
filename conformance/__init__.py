"""The engine: brings cases, reference and adapters together, and judges."""
