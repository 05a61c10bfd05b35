"""Labelled sets: imported, checked, split for training, described, exported."""
