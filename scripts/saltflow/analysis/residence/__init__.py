"""Residence times of mobile ions beside the other ions, per environment of these."""
