"""Evergreen keeps tabular models good: one YAML a model, an honest gate, a loop that closes by itself."""
