"""Pages for people: the plan that a cluster's admin signs, and the account of what a sweep has cost.

Each is one HTML file that needs no network, no font and, for its essentials, no script.
"""

from saltflow.operations.pages.account_page import account_page
from saltflow.operations.pages.plan_page import plan_page

__all__ = ["account_page", "plan_page"]
