"""The description of an archive for people."""

import shlex
from collections.abc import Sequence

from saltflow import __version__
from saltflow.operations.archive.contents import SWEEP, WORKFLOW, ArchivedRun
from saltflow.operations.archive.facts import LICENCE, Facts, to_the_second
from saltflow.operations.archive.verification import plan_command
from saltflow.operations.archive.zip_file import MANIFEST, METADATA, Packed


def readme_text(archived: ArchivedRun, facts: Facts, packed: Sequence[Packed]) -> str:
    """What a reader finds first in an archive."""
    sizes = {file.path: file.size_bytes for file in packed}
    changed = ", with changes of its own" if facts.changed else ""
    source = f"commit {facts.commit}{changed}" if facts.commit else "not from a git checkout"
    missing = [path for job in archived.jobs for path in job.outputs if f"{SWEEP}/{path}" not in sizes]
    return f"""# {archived.composition}

One composition of a sweep by saltflow {__version__} ({source}),
finished {to_the_second(facts.ended)}, with all that it was made from:
{len(packed)} files, {sum(sizes.values()) / 1e9:.3f} GB.

| where | what |
|---|---|
| `{SWEEP}/results/{archived.composition}` | cells, replicas, trajectories, and what was computed from them |
| `{SWEEP}/results/potentials`, `{SWEEP}/results/references` | the potential and all before it: labels, data, models |
| `{SWEEP}/config.yaml`, `{SWEEP}/tables` | the settings and the rows of the tables that apply |
| `{SWEEP}/logs` | what each job said, took and asked for |
| `{SWEEP}/.snakemake/metadata` | Snakemake's records: the parameters and inputs of every file |
| `{WORKFLOW}` | the workflow that did it |
| `{METADATA}` | all of this for machines (RO-Crate 1.1, Workflow Run Crate 0.5) |
| `{MANIFEST}` | the SHA-256 of every file; `sha256sum --check {MANIFEST}` compares |

## See that nothing is left to do

With the packages of `{WORKFLOW}/requirements/workflow.txt`:

```bash
cd {WORKFLOW}
{shlex.join(plan_command(archived.targets))}
```

It says "Nothing to be done". Without the names of files it would add the tables across compositions, which here have
one row. After a change in `{SWEEP}/config.yaml` the same command without `-n` makes what depends on it.

## Changed when it was packed

{_changes(facts)}
{_listed("Not in here, because it may be deleted at any time or was gone:", missing)}
## Licences

{LICENCE}
Structures and foundation models from outside keep the licence of their makers, and a potential that was fine-tuned from
a foundation follows the foundation's: look before you publish.
{_listed("From outside:", list(facts.moved.values()))}"""


def _changes(facts: Facts) -> str:
    changes = (
        "The tables hold only the rows that apply, `sweep.compositions` only this one; `execution.site` is left out."
    )
    if not facts.moved:
        return changes
    moved = "".join(f"- `{old}` is `{new}`\n" for old, new in sorted(facts.moved.items()))
    return f"{changes}\nFiles from outside the sweep were given these paths, in Snakemake's records too:\n\n{moved}"


def _listed(title: str, paths: Sequence[str]) -> str:
    return f"\n{title}\n\n" + "".join(f"- `{path}`\n" for path in paths) if paths else ""
