"""Kinds of models: how each is made, fitted, refitted, stored and asked for predictions."""
