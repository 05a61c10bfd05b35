"""Crystals of many dopants on one site: which compositions conduct best."""
