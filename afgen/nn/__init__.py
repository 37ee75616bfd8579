"""Layers that would fit any project: no hidden state, nothing about faces."""
