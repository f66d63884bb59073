"""Suites of files that say what is expected of them: found, checked, and brought up to what was found."""
