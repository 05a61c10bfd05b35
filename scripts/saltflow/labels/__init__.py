"""Reference data: quantum-mechanical codes, ledger, datasets. Imports base to potentials."""
