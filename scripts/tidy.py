"""Say what of a sweep may be deleted and what is lost with it; with --delete, delete what nobody will miss."""

import argparse
import sys
from pathlib import Path

from engine.dag import load_dag
from saltflow.base.errors import SaltflowError
from saltflow.operations.archive.tarball import archived_files
from saltflow.operations.housekeeping import check_idle, delete, mark_files
from saltflow.operations.quota import quota_text, table, write_list


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="of the sweep")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--profile", help="as for snakemake")
    parser.add_argument("--delete", action="store_true", help="delete what is marked 'may be deleted now'")
    asked = parser.parse_args()
    sweep = asked.directory.resolve()
    if asked.delete:
        check_idle(sweep)
    dag = load_dag(sweep, configfiles=asked.configfile, profile=asked.profile)
    entries = mark_files(sweep, dag.jobs, archived=archived_files(sweep))
    print(table(entries))
    if asked.delete:
        print(f"\nDeleted: {len(deleted := set(delete(sweep, entries)))} files.")
        entries = [entry for entry in entries if entry.path not in deleted]
    if (quota_GB := dag.config["execution"]["quota_GB"]) is not None:
        print(f"\n{quota_text(entries, quota_GB=quota_GB)}")
    write_list(sweep / "housekeeping.tsv", entries)
    print(f"\nEvery file: {sweep / 'housekeeping.tsv'}")


if __name__ == "__main__":
    try:
        main()
    except SaltflowError as error:
        sys.exit(str(error))
