"""Weights of others: imported once from what their authors publish, kept in a folder of ours."""
