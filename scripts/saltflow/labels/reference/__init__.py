"""Quantum-mechanical references: one file per code, behind the functions of `labelling`."""
