"""How many independent windows a collective coefficient needs."""

# Of a window of one octave: generalised least squares over two overlapping lags t and 2t of a Brownian MSD has the
# variance (16/3 + 2/3 − 10/3) t (`analysis.transport.windows`).
DECORRELATION_PER_LAG = 8 / 3


def needed_windows(relative_error: float) -> float:
    """Independent windows for a relative error of a collective coefficient such as σ_E; of D it is N times fewer.

    The estimate over n windows has a gamma distribution of shape k = 3n/2; its relative error, widened for small
    samples, is k/((k − 1)√(k − 2)), which is e at k ≈ 4 + 1/e².

    Args:
        relative_error: wanted.
    """
    return 2 / 3 * (4 + relative_error**-2)
