"""Describe the labels of a potential."""

from pathlib import Path

from saltflow.dataset import read_frames
from saltflow.dataset.card import SETS, describe_dataset, in_words
from saltflow.joblog import start_job
from saltflow.provenance import write_json, write_text
from saltflow.reference.ledger import read_ledger

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
