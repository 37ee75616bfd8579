"""wav2vec 2.0 as audio features: all layers of a frozen speech model, 25 rows a second."""
