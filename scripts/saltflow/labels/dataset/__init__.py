"""Labelled sets: import, checks, splits, description, export."""
