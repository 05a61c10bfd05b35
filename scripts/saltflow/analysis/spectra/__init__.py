"""Vibrations, scattering and rotations: what moves at which frequency."""

from saltflow.analysis.spectra.analysis import analyse_spectra, no_spectra

__all__ = ["analyse_spectra", "no_spectra"]
