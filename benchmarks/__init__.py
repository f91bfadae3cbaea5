"""Ratios measured side by side; none of them decides a test."""
