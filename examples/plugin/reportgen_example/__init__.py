"""Entries for reportgen: see docs/extending.md there."""
