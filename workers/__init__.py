"""The processes that render, and the one that minds the clock: wiring over plain functions."""
