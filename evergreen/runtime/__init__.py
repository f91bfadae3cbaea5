"""Processes beside a command: each lives as long as the command that needs it."""
