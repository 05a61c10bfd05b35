"""Electrodes: ions put into and taken out of a host, its voltages, phases and what degrades."""
