"""What the generator is conditioned on, made causally from both people."""
