"""Pages for people: the plan that a cluster's admin signs, the account of what a sweep has cost, and its results.

Each is one HTML file that needs no network, no font and, for its essentials, no script.
"""
