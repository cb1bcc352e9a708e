"""Keras 3, a framework of its own on each of its backends: one table, one module a backend.

The tables (`activations`, `binary`, `classes`, `divergences`) are data and import no framework.
Keras chooses its backend once, when it is imported, so a process runs one of `on_torch`,
`on_tensorflow` and `on_jax`.
"""
