"""Motion: van Hove functions, non-Gaussian parameter, hops without sites, strings of hops, where ions stay."""
