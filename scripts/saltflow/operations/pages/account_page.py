"""The account as a page: what a sweep asked for, what it used, and what failed."""

from collections.abc import Mapping

from saltflow.operations.pages.rendering import render


def account_page(account: Mapping) -> str:
    """One HTML file of an account.

    Args:
        account: the content of account.json, as saltflow.operations.account describes it.
    """
    return render(
        "account.html.j2",
        document=account,
        account=account,
        share=_share,
        gpu_use_recorded=any(rule["gpu_hours"]["used"] is not None for rule in account["rules"]),
        suggestions=[rule for rule in account["rules"] if rule["suggestion"]],
    )


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
