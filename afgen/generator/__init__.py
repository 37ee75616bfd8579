"""Conditions to motion: the paper's dual motion encoder and causal diffusion forcing transformer."""
