"""Prefect tasks: one effect worth a retry each; read, call one pure function, write."""
