"""Metrics of motion, sound and pictures: arrays in, numbers out, each with its source.

Shape letters: C clips, T frames at 25 Hz, D motion dimensions, K clusters, L lags, B draws.
docs/metrics.md tells every definition and choice in one place.
"""
