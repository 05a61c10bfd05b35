"""Go on in a folder after any accident. With nothing to resume it says so.

Jobs that a killed run has left are waited for, or cancelled; what they have finished is put on record, what is half
written is removed, and the command that was running is started again.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from engine.records import record_finished, unlock
from saltflow.base.errors import SaltflowError
from saltflow.operations.resumption import Resumption
from saltflow.operations.running_jobs import name_them


def main() -> int | None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="working directory of the sweep")
    parser.add_argument("--cancel", action="store_true", help="cancel the jobs that are left instead of waiting")
    parser.add_argument("--lost-host", metavar="HOST", help="the machine of the last run, if it is gone for good")
    parser.add_argument("command", nargs="*", help="after --: what to start, rather than what was running")
    args = parser.parse_args()
    folder, say = args.directory.resolve(), partial(print, flush=True)
    try:
        resumption = Resumption.begin(folder, lost_host=args.lost_host)
        finished = resumption.end_jobs(cancel=args.cancel, say=say)
        if recorded := record_finished(folder, finished):
            say(f"Finished without a witness, now on record ({len(recorded)}): {name_them(recorded)}")
        resumption.remove_half_written(say=say)
        unlock(folder)
        return resumption.go_on(args.command, say=say)
    except (SaltflowError, KeyboardInterrupt) as error:
        print(str(error) or "Interrupted; type the same command again to go on.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
