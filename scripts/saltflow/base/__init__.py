"""Errors, provenance, tables, figures and child processes for all rooms. Imports no other room."""
