"""Active learning, from initial frames to convergence and validation. Imports base to analysis."""
