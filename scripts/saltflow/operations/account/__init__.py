"""What a sweep has cost so far, from what its jobs left behind: requested against used, failures, who needed what.

`take_account(folder)` gives a JSON-able mapping, written as account.json. A number that nobody recorded is None.

saltflow: version. made: when, UTC. folder: of the sweep.
source: "sacct" or "benchmark files". source_sentence: which numbers come from where, and what is not recorded.
began, ended: of the first and the last recorded attempt, UTC.
totals: jobs, attempts, submissions (of SLURM jobs; a group is one), cpu_hours, gpu_hours, lost_cpu_hours (in attempts
    that did not end well), waiting_h, failed_attempts.
    Every cpu_hours and gpu_hours is {reserved: cores or GPUs × time that they were held, used}.
    Every waiting_h is None or {median, largest}: hours from submission to start.
rules: in the order of the flow: {rule, stage, jobs, attempts, cpu_hours, gpu_hours,
    cores: {requested, used}: largest request and mean use of a job; gpus: {requested, used},
    memory_MB: {requested, peak}: largest of each; runtime_min: {requested, longest}; waiting_h,
    efficiency: {cpu, memory, time}: used as a share of requested, 0 … 1,
    suggestion: None, or a sentence for the profile}.
failures: most frequent first: {reason (of saltflow.operations.attempts.Reason), rule, attempts, jobs, done_later (jobs
    that a later attempt finished), example (log of one), sentence (last word of that one, or None)}.
compositions, potentials: dearest first: {id, jobs, attempts, failed_attempts, cpu_hours, gpu_hours}.
shared: the same without id, for labels of single atoms and the tables of all compositions.
running: attempts that have not ended: {rule, subject, began, slurm_job_id}.
"""

from datetime import UTC, datetime
from pathlib import Path

from saltflow import __version__
from saltflow.base.errors import SaltflowError
from saltflow.operations.account.sacct import ask_sacct, with_records
from saltflow.operations.account.spending import Spending, read_spending
from saltflow.operations.account.sums import summarise


def take_account(folder: Path) -> dict:
    """The account of the sweep in a working directory, as it stands.

    Raises:
        SaltflowError: no job has run there.
    """
    spending = read_spending(folder)
    if not spending:
        raise SaltflowError(
            f"No job has run in {folder.resolve()} so far; name the folder of your sweep: saltflow account my-sweep."
        )
    submitted = {spent.slurm_job_id for spent in spending if spent.slurm_job_id}
    records = ask_sacct(submitted) if submitted else None
    if records:
        spending = with_records(spending, records)
    return {
        "saltflow": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "folder": str(folder.resolve()),
        "source": "sacct" if records else "benchmark files",
        "source_sentence": _source_sentence(spending, submitted=bool(submitted), accounting=bool(records)),
        **summarise(spending),
    }


def _source_sentence(spending: list[Spending], *, submitted: bool, accounting: bool) -> str:
    """Where the numbers come from, and what nobody recorded."""
    if accounting:
        source = "Times, memory and waiting are those of SLURM's accounting (sacct)."
    elif submitted:
        source = (
            "SLURM's accounting (sacct) did not answer: times and memory are those that the jobs and Snakemake "
            "measured, without the seconds in which a job starts; waiting is from Snakemake's log to the first line."
        )
    else:
        source = "No job went through SLURM: times and memory are those that the jobs and Snakemake measured."
    unknown = {
        "cores requested": sum(spent.cpus is None for spent in spending),
        "memory requested": sum(spent.memory_requested_MB is None for spent in spending),
        "time requested": sum(spent.runtime_requested_min is None for spent in spending),
        "duration": sum(spent.elapsed_s is None for spent in spending),
        "CPU time": sum(spent.cpu_s is None for spent in spending),
    }
    missing = [f"{what} of {count}" for what, count in unknown.items() if count]
    return f"{source} Not recorded, of {len(spending)} attempts: {', '.join(missing)}." if missing else source
