"""INFP*, the non-causal model to compare with: windows of 3 s, seen whole (docs/baseline.md)."""
