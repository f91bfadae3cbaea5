"""The families: a file each, whose ``FAMILY`` is the entry. A new one needs its file, and nothing else names it."""
