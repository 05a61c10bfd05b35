"""Write the results page of the sweep."""

from pathlib import Path

from saltflow.analysis.sweep_results.results_document import results_document
from saltflow.base.provenance import write_text
from saltflow.operations.job_log import start_job
from saltflow.operations.pages.results_page import results_page

job = snakemake  # noqa: F821
start_job(job, subject="results page")

write_text(job.output.page, results_page(*results_document(job.params.sweep, Path(), unfinished={})))
