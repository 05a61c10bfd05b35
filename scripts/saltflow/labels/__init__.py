"""Reference data: quantum-mechanical codes, ledger, labelled sets. Imports base to potentials."""
