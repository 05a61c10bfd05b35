"""Residence: how long mobile ions stay beside the other ions, per environment of these."""
