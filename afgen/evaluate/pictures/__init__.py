"""Pictures against pictures, and sheets of them to look at."""
