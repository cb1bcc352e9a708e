"""Mathematics and number formats: the truth of every case, with certified radius and bounds.

Imports no framework, no pytest, and nothing of `conformance` or `adapters`.
"""
