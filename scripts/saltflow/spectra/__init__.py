"""Vibrations, scattering and rotations: what moves at which frequency."""

from saltflow.spectra.analysis import analyse_spectra, no_spectra

__all__ = ["analyse_spectra", "no_spectra"]
