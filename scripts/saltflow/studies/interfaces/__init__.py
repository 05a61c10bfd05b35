"""Interfaces: surfaces of crystals in gas, two crystals in contact, and what reacts there."""
