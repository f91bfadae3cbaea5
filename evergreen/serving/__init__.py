"""The room of real-time serving: the champion as a function of one row, the protocols, and what follows the records.

A compiled model gives for a row, as a mapping of names to values, bit for bit what batch prediction gives for a table
of that row; nothing here learns or decides by itself.
"""
