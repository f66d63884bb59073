"""Counters that only grow: what a step does whatever they have grown by."""
