"""Snakemake from inside: the only modules that use its API, and that of its SLURM executor."""
