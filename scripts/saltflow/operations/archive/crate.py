"""The description of an archive for machines: RO-Crate 1.1, by the Workflow Run Crate profile 0.5."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from saltflow import __version__
from saltflow.operations.archive.contents import SWEEP, WORKFLOW, ArchivedRun
from saltflow.operations.archive.facts import LICENCE, Facts, to_the_second
from saltflow.operations.archive.zip_file import MANIFEST, Packed

PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate"),
)
TERMS = "https://w3id.org/ro/terms/workflow-run/context"  # of sha256
MEDIA_TYPES = {
    "": "text/plain",
    ".extxyz": "text/plain",
    ".csv": "text/csv",
    ".h5md": "application/x-hdf5",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".rst": "text/x-rst",
    ".smk": "text/plain",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def crate_text(archived: ArchivedRun, facts: Facts, packed: Sequence[Packed]) -> str:
    """The metadata of an archive, once its files and their hashes are known."""
    return json.dumps(_crate(archived, facts, packed).metadata.generate(), indent=1, ensure_ascii=False) + "\n"


def _crate(archived: ArchivedRun, facts: Facts, packed: Sequence[Packed]) -> ROCrate:
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"{archived.composition}: from composition to conductivity"
    crate.description = (
        f"All products of {archived.composition}, the potential that drove it, the settings, the workflow and "
        "the records by which Snakemake knows that nothing is left to do."
    )
    crate.datePublished = to_the_second(facts.ended)
    crate.license = _add(crate, "#licence", "CreativeWork", name="Licence of the results", description=LICENCE)
    about = {path: f"{job.rule}: {_sentence(facts.rules[job.rule])}" for job in archived.jobs for path in job.outputs}
    files = {file.path: _file(file, about.get(file.path.removeprefix(f"{SWEEP}/"), "")) for file in packed}
    workflow = _add_workflow(crate, facts, files.pop(f"{WORKFLOW}/Snakefile"))
    for path, properties in files.items():
        crate.add_file(dest_path=path, properties=properties)
    crate.add_file(dest_path="README.md", properties={"encodingFormat": "text/markdown", "about": crate.root_dataset})
    crate.add_file(dest_path=MANIFEST, properties={"encodingFormat": "text/plain", "name": "SHA-256 of every file"})
    _add_action(crate, workflow, archived, facts)
    crate.root_dataset["conformsTo"] = [
        _add(crate, address, "CreativeWork", name=name, version=address.rsplit("/", 1)[1]) for address, name in PROFILES
    ]
    return crate


def _add(crate: ROCrate, identifier: str, kind: str, **properties: object) -> Entity:
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind} | properties))


def _add_workflow(crate: ROCrate, facts: Facts, properties: dict[str, str]) -> Entity:
    workflow = crate.add_workflow(
        dest_path=f"{WORKFLOW}/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=facts.versions.get("snakemake"),
        properties=properties | {"name": "saltflow", "version": facts.commit or __version__},
    )
    workflow["softwareRequirements"] = [
        _add(crate, _package_url(name, version), "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in sorted(facts.versions.items())
    ]
    return workflow


def _package_url(name: str, version: str) -> str:
    """The name of a package as a URI, by the purl specification."""
    return f"pkg:{'generic' if name == 'python' else 'pypi'}/{name.lower()}@{quote(version)}"


def _file(file: Packed, about: str) -> dict[str, str]:
    path = PurePosixPath(file.path)
    properties = {
        "name": path.name,
        "contentSize": str(file.size_bytes),
        "sha256": file.sha256,
        "encodingFormat": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
    }
    return properties | ({"description": about} if about else {})


def _add_action(crate: ROCrate, workflow: Entity, archived: ArchivedRun, facts: Facts) -> None:
    inputs = ["config.yaml", "tables/compositions.tsv", "tables/potentials.tsv", "tables/overrides.yaml"]
    action = crate.add_action(
        workflow,
        identifier="#run",
        object=[crate.get(_identifier(path)) for path in (*inputs, *facts.moved.values())],
        result=[crate.get(_identifier(path)) for path in archived.targets],
        properties={
            "name": f"Simulation of {archived.composition}",
            "description": f"{len(archived.jobs)} jobs: those of its potential, then those of the composition.",
            "endTime": to_the_second(facts.ended),
        },
    )
    if facts.began:
        action["startTime"] = to_the_second(facts.began)
    crate.root_dataset["mentions"] = action


def _identifier(path: str) -> str:
    """How a file of the sweep is called in the metadata."""
    return quote(f"{SWEEP}/{path}")


def _sentence(docstring: str) -> str:
    return " ".join(docstring.split("\n\n")[0].split())
