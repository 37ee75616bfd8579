"""What is done while the other person talks."""
