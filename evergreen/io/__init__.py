"""The doors to the outside: sources, store, suites, registry and records, one module each."""
