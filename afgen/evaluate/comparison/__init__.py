"""Systems side by side on the same clips: the paper's table."""
