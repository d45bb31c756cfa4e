"""Flows of the pipeline: one file a flow, one module a dvc stage, the orchestrating flow, schedules and the CLI."""
