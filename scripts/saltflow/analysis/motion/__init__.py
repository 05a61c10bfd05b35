"""Motion: van Hove functions, non-Gaussian parameter, hops without sites, strings of hops, site maps."""
