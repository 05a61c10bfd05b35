"""Snakemake's SLURM executor, made to outlast a controller of SLURM that is away, and walltimes shorter than a job.

Left alone (snakemake-executor-plugin-slurm 2.8.0), it forgets every job that it has asked about in vain, and waits for
ever for its end; a job that is due while sbatch finds no controller has failed; and a job that goes on after each of
its walltimes uses up the tries that are meant for failures.
"""

import time
from collections import Counter

from snakemake_executor_plugin_slurm import Executor

from saltflow.operations.resources import MOST_SUBMISSIONS
from saltflow.operations.rules import RULE

# What sbatch says after some ten seconds when nobody listens, so that nothing can have been submitted.
NOT_SUBMITTED = "Unable to contact slurm controller (connect failure)"
PAUSE_S = 20
# After a longer outage jobs that are due fail, and `saltflow resume` goes on.
LONGEST_OUTAGE_S = 1800


def patch_executor() -> None:
    """Correct the executor of this process; called once, before the first job."""
    Executor.report_job_error = _resubmitting_after_walltime(Executor.report_job_error)
    Executor.check_active_jobs = _remembering_every_job(Executor.check_active_jobs)
    Executor._report_job_error_threadsafe = _submitting_again(Executor._report_job_error_threadsafe)


def _remembering_every_job(check_active_jobs):
    """Every job that is asked about is reported as ended or given back, to be asked about again."""

    async def checked(self, active_jobs):
        settled = set()

        def noting(report):
            def noted(job_info, *args, **kwargs):
                settled.add(id(job_info))
                report(job_info, *args, **kwargs)

            return noted

        self.report_job_success, self.report_job_error = noting(self.report_job_success), noting(self.report_job_error)
        try:
            async for job_info in check_active_jobs(self, active_jobs):
                settled.add(id(job_info))
                yield job_info
        finally:
            del self.report_job_success, self.report_job_error
        for job_info in active_jobs:
            if id(job_info) not in settled:
                yield job_info

    return checked


def _submitting_again(report_error):
    """A submission that found no controller is made again, by the thread that makes submissions."""

    def reported(self, job_info, msg):
        since = self.__dict__.setdefault("_in_vain_since", {}).setdefault(job_info.job, time.monotonic())
        if NOT_SUBMITTED not in msg or time.monotonic() > since + LONGEST_OUTAGE_S:
            return report_error(self, job_info, msg)
        self.logger.warning(f"SLURM's controller does not answer; trying again in {PAUSE_S} s.")
        for _ in range(PAUSE_S):
            if self._job_submission_executor._shutdown:  # Snakemake was told to stop
                return report_error(self, job_info, msg)
            time.sleep(1)
        return self.run_job(job_info.job)

    return reported


def _resubmitting_after_walltime(report_error):
    """A job that resumes and has reached its walltime has used none of its tries."""

    def reported(self, job_info, msg=None, **kwargs):
        job = job_info.job
        rules = {each.rule.name for each in job.jobs} if job.is_group() else {job.rule.name}
        if "'TIMEOUT'" in (msg or "") and any(RULE[rule].resumes for rule in rules):
            submissions = self.__dict__.setdefault("_submissions_of", Counter())
            submissions[job] += 1
            if submissions[job] < MOST_SUBMISSIONS:
                job.attempt -= 1  # Snakemake adds one when it tries again
        report_error(self, job_info, msg, **kwargs)

    return reported
