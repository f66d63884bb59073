"""Suites: what files say of themselves, and whether that is so."""
