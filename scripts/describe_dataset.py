"""Describe the labels of a potential and what it learned from them."""

from saltflow.base.provenance import identity, read_json, title, write_json, write_text
from saltflow.labels.dataset.card import SETS, describe_dataset, format_card
from saltflow.labels.frames import read_frames
from saltflow.labels.reference.ledger import read_ledger
from saltflow.learning.learning_figure import plot_learning
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

card = describe_dataset(
    {name: read_frames(job.input[name]) for name in SETS},
    [row for path in job.input.ledgers for row in read_ledger(path)],
    facts=identity(job.wildcards) | job.params.facts,
)
write_json(job.output.card, card)
write_text(job.output.text, format_card(card))
assessments = [read_json(path) for path in job.input.assessments]
plot_learning(assessments, job.output.figure, title=f"potential {job.wildcards.potential}")
