"""make account: what a sweep has cost so far and what failed, as account.json and account.html in its folder."""

import argparse
import sys
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, write_json
from saltflow.operations.account import take_account
from saltflow.operations.account.terminal import in_words
from saltflow.operations.pages import account_page


def main() -> None:
    """Read what the jobs left, write both files, print the totals."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--directory", type=Path, default=Path(), help="working directory of the sweep")
    folder = arguments.parse_args().directory
    try:
        account = take_account(folder)
    except SaltflowError as error:
        sys.exit(str(error))
    write_json(folder / "account.json", account)
    with atomic_write(folder / "account.html") as page:
        page.write_text(account_page(account), encoding="utf-8")
    print(in_words(account))
    print(f"\nPage: {(folder / 'account.html').resolve()}")


if __name__ == "__main__":
    main()
