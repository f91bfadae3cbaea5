"""Figures of predictions: no window, no global state; each is an object of its own."""
