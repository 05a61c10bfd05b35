"""Describe the labels of a potential and what it learned from them."""

from pathlib import Path

from saltflow.base.provenance import read_json, write_json, write_text
from saltflow.labels.dataset.card import SETS, describe_dataset, in_words
from saltflow.labels.frames import read_frames
from saltflow.labels.reference.ledger import read_ledger
from saltflow.learning.learning_figure import plot_learning
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=f"potential {job.wildcards.potential}")

ledgers = {int(Path(path).parents[1].name.removeprefix("generation")): read_ledger(path) for path in job.input.ledgers}
card = describe_dataset(
    {name: read_frames(job.input[name]) for name in SETS},
    ledgers,
    facts={"potential": job.wildcards.potential, **job.params.facts},
)
write_json(job.output.card, card)
write_text(job.output.text, in_words(card))
assessments = [read_json(path) for path in job.input.assessments]
plot_learning(assessments, job.output.figure, title=f"potential {job.wildcards.potential}")
