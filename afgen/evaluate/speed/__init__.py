"""How fast it is, beside how fast this machine could be."""
