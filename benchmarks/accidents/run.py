"""What a kill costs, stage by stage: SIGKILL of the whole run half-way through a job, then `saltflow resume`.

    python benchmarks/accidents/run.py

The tiny campaign of the tests is run once; its labels, training, quench and MD are made ten times longer. Each stage
is then done without an accident, killed and resumed, and repeated with its inputs unchanged. Seconds lost are those of
both runs together less those of the one without an accident: the work since the last checkpoint and the start of the
programs. Then the overhead of the store of labels: milliseconds per frame of 42 and 200 atoms to write one and to find
it among ten thousand others.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import numpy as np
import yaml
from ase import Atoms

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from workplaces import Workplace, copy_sources  # noqa: E402 - beside the tests

from saltflow.campaign.settings.references import read_reference  # noqa: E402
from saltflow.labels.reference.store import LabelStore, key_of_structure  # noqa: E402

LONGER = {
    "learning": {"initial_structures": {"atoms": 12}, "training": {"epochs": 150, "learning_rate": 0.001}},
    "dynamics": {"quench": {"melt_ps": 1.0}, "production": {"duration_ps": 2.0}},
}


@dataclass(frozen=True)
class Stage:
    """A job to kill. store: whether its work is kept in the store of labels, which is emptied first."""

    name: str
    products: tuple[str, ...]
    store: bool = False

    def forget(self, campaign: Workplace) -> None:
        """Delete the products, and the labels that they are made from."""
        for path in self.products:
            (campaign.work / path).unlink(missing_ok=True)
        if self.store:
            shutil.rmtree(campaign.work / "labels", ignore_errors=True)


STAGES = (
    Stage(
        "labels",
        tuple(f"results/potentials/base/generation0/labels/chunk0.{end}" for end in ("extxyz", "ledger.tsv")),
        store=True,
    ),
    Stage(
        "training",
        tuple(f"results/potentials/base/generation0/committee/member1.{end}" for end in ("model", "train_check.json")),
    ),
    Stage(
        "quench",
        tuple(f"results/LiAlCl4/replica1/{name}" for name in ("quenched.extxyz", "quench.json", "quench.h5md")),
    ),
    Stage("MD", tuple(f"results/LiAlCl4/md/500K/{name}" for name in ("md.json", "replica1.h5md", "replica2.h5md"))),
)


def seconds_of(call, *arguments: str) -> float:
    """Wall time of a call that must succeed."""
    began = time.perf_counter()
    done: subprocess.CompletedProcess = call(*arguments)
    if done.returncode != 0:
        sys.exit(done.stdout[-3000:])
    return time.perf_counter() - began


def measure(campaign: Workplace, stage: Stage) -> dict[str, float]:
    """Seconds of a stage without an accident, with one, and repeated as it was."""
    stage.forget(campaign)
    whole_s = seconds_of(campaign.run, stage.products[0])
    stage.forget(campaign)
    began = time.perf_counter()
    campaign.killed(SIGKILL, stage.products[0], when=lambda: time.perf_counter() - began > whole_s / 2)
    until_kill_s = time.perf_counter() - began
    after_s = seconds_of(campaign.resume)
    repeated_s = seconds_of(campaign.run, stage.products[0], "--force")
    return {
        "whole": whole_s,
        "killed after": until_kill_s,
        "resumed in": after_s,
        "lost": until_kill_s + after_s - whole_s,
        "repeated as it was": repeated_s,
    }


def rows(folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Every stage with its seconds, in a campaign that is made in `folder`."""
    copy_sources(folder / "repo")
    campaign = Workplace(folder / "repo", folder / "work")
    path = folder / "repo" / campaign.config
    path.write_text(yaml.safe_dump(_merged(yaml.safe_load(path.read_text()), LONGER)))
    print(f"campaign: {seconds_of(campaign.run, *(stage.products[0] for stage in STAGES)):.0f} s", flush=True)
    for stage in STAGES:
        yield stage.name, measure(campaign, stage)


def store_ms(folder: Path, *, atoms: int, others: int = 10_000, frames: int = 100) -> dict[str, float]:
    """Milliseconds per frame that the store of labels takes."""
    random = np.random.default_rng(0)
    structures = [Atoms(["Li"] * atoms, random.random((atoms, 3)), cell=np.eye(3)) for _ in range(others + frames)]
    labels = [{"energy_eV": 1.0, "forces_eV_A": random.random((atoms, 3)), "stress": random.random(6)}] * len(
        structures
    )
    settings = yaml.safe_load((ROOT / "config/references/gfn1-xtb.yaml").read_text())
    reference = read_reference({"gfn1-xtb": settings}, "gfn1-xtb")
    keys = [key_of_structure(each) for each in structures]
    with LabelStore(folder, reference, protocol=1) as store:
        for key, label in zip(keys[:others], labels, strict=False):
            store.add(key, label)
    began = time.perf_counter()
    with LabelStore(folder, reference, protocol=1) as store:
        for structure, label in zip(structures[others:], labels, strict=False):
            store.add(key_of_structure(structure), label)
    written = time.perf_counter()
    found = LabelStore(folder, reference, protocol=1).find(keys[others:])
    assert len(found) == frames
    return {"write": 1e3 * (written - began) / frames, "find": 1e3 * (time.perf_counter() - written) / frames}


def _merged(one: dict, other: dict) -> dict:
    both = {key: _merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(other[key], dict)}
    return one | other | both


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for atoms in (42, 200):
            times = store_ms(Path(folder) / f"store of {atoms} atoms", atoms=atoms)
            print(f"store, {atoms} atoms:", ", ".join(f"{what} {ms:.2f} ms/frame" for what, ms in times.items()))
        for name, seconds in rows(Path(folder)):
            print(f"{name:10}", ", ".join(f"{what} {value:.1f} s" for what, value in seconds.items()), flush=True)


if __name__ == "__main__":
    main()
