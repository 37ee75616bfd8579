"""Conditions to motion: dual motion encoder and causal diffusion forcing transformer."""
