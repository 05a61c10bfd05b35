"""What trajectories say, from transport to the ranking. Imports base to operations."""
