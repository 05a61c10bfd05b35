"""Screening of crystals by their structure."""
