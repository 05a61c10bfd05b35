"""Ordering of partial occupancies: whole atoms on refined sites, in supercells, by electrostatic energy."""
