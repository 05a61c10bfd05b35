"""Leave-one-composition-out validation: committees trained without a composition, tested on it."""
