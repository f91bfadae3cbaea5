"""The rows of one training: which are fitted on, which choose, which no choice sees, and their labels as numbers."""
