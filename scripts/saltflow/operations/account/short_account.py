"""The account of a sweep in a few lines for the terminal."""


def format_account(account: dict) -> str:
    """Totals, failures and suggestions of an account (`take_account`)."""
    totals = account["totals"]
    lines = [
        f"{totals['jobs']} jobs, {totals['attempts']} attempts; {totals['failed_attempts']} did not end well.",
        f"CPU: {_hours(totals['cpu_hours'])}.   GPU: {_hours(totals['gpu_hours'])}.",
        f"Waiting in the queue: {_waiting(totals['waiting_h'])}.",
        account["source_sentence"],
    ]
    lines += [_failure(failure) for failure in account["failures"]]
    lines += [rule["suggestion"] for rule in account["rules"] if rule["suggestion"]]
    return "\n".join(lines)


def _hours(hours: dict) -> str:
    parts = {"reserved": hours["reserved"], "used": hours["used"]}
    known = [f"{value:.3g} h {what}" for what, value in parts.items() if value is not None]
    return ", ".join(known) or "not recorded"


def _waiting(waiting_h: dict | None) -> str:
    return f"{waiting_h['median']:.2g} h mostly, {waiting_h['largest']:.2g} h at most" if waiting_h else "not recorded"


def _failure(failure: dict) -> str:
    later = f", {failure['done_later']} done later" if failure["done_later"] else ""
    message = f" Last word: {failure['sentence']}" if failure["sentence"] else ""
    jobs = "1 job" if failure["jobs"] == 1 else f"{failure['jobs']} jobs"
    return f"{failure['reason']}: {failure['attempts']} × {failure['rule']} ({jobs}{later}).{message}"
