"""The door to raw rows: CSV and Parquet, over any fsspec URL."""

from evergreen.io.sources.reading import read

__all__ = ["read"]
