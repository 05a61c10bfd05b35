"""Mechanics: elastic constants and moduli of crystals and glasses at 0 K."""
