"""Dispersion that the dynamics adds to a potential whose labels have none: the switch, and D3(BJ) itself."""
