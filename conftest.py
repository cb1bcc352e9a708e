"""The suite as a pytest plugin; everything is in `conformance/plugin.py`."""

pytest_plugins = ["conformance.plugin"]
