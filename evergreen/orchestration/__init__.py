"""The door to Prefect: deployments, automations, events, the state of runs, and the worker."""
