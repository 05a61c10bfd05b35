"""What every room stands on: errors, provenance, tables, figures, child processes. Imports no other room."""
