"""Force error against the number of DFT labels from five starts, and of the universal potentials themselves.

The labels are those of dft_labels.py. Starts: from scratch; a model that learned GFN1-xTB; the shipped models, that of
the demonstration and that of all families; the former with replay of melts that it labels itself, dispersion added (the
recipe `replay`). A budget of N labels holds its validation frames, split off by the product. Trainings are those of the
product, one model each. What was measured stays in work/, so that the command goes on where it was stopped.

usage: python benchmarks/universal/dft_curves.py [--parts potentials starts curves] [--potentials …] [--starts …]
       [--budgets 4 8 … 150] [--seeds 0 1] [--truth sevennet-l3i5]
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import dft_labels
import numpy as np
from ase import Atoms
from dft_labels import (
    COMPOSITION,
    COOLING_K,
    DFT,
    FASTER,
    ROOT,
    SEED,
    WORK,
    Truth,
    distilled,
    load_distilled,
    truth_of,
)
from force_errors import errors_by_element

from saltflow.base.provenance import digest, read_json, sha256_of_file, write_json
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.dataset.splits import collect
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.labelling import label_isolated_atoms
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.foundations import read_foundation
from saltflow.learning.prediction_errors import errors, errors_by_temperature
from saltflow.learning.sampling import drive_cells, pack_cells
from saltflow.learning.training import train_member
from saltflow.materials.frame_info import MELT, FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee, load_committee
from saltflow.potentials.universal.driver import UniversalDriver

SETTINGS = ROOT / "benchmarks/learning/config.yaml"  # the small model
SCRATCH, GFN1, DISTILLED, REPLAY, FAMILIES = "scratch", "GFN1", "distilled", "distilled + replay", "families"
STARTS = (SCRATCH, GFN1, DISTILLED, REPLAY, FAMILIES)
SHIPPED = {DISTILLED: distilled()[0], REPLAY: distilled()[0], FAMILIES: ROOT / "config/presets/families/families.model"}
SCRATCH_STEPS = 1200  # of the optimiser, whatever the number of frames
TUNING_STEPS, TUNING_STEPS_PER_LABEL = 150, 20  # at least, and more where there are more labels
TUNING_RATE = 0.001  # 400 steps at 0.005 made the distilled model worse with six labels
# At 60 Ry forces are right and stresses are not; nothing is learned from them, by any start.
WEIGHTS = {"stress_weight": 0.001}
REPLAYED = {"replay_ratio": 1.0, "replay_weight": 0.1}
MELTS = {"cells": 8, "heldout_cells": 0, "atoms": 21}
MELT_PS, STRIDE_FS = 1.5, 100.0
ELEMENTS = ("Li", "Al", "Cl", "O")
POTENTIALS = ("chgnet-pbe", "sevennet-l3i5", "diep-r2scan", DISTILLED, FAMILIES)


def melts() -> Path:
    """Melts by the distilled model in cells that hold no label: to replay, and for GFN1-xTB to label."""
    path = WORK / "melts.extxyz"
    if not path.is_file():
        configuration = read_configuration([])
        cells = pack_cells(
            [load_campaign(configuration).compositions[COMPOSITION]],
            size=MELTS,
            density_scales=dft_labels.DENSITY_SCALES,
            packing=configuration["cells"],
            seed=SEED,
            lineage="dft-curves/melts",
        )
        dynamics = configuration["dynamics"] | {"timestep_fs": configuration["dynamics"]["timestep_fs"] | FASTER}
        with tempfile.TemporaryDirectory() as folder:
            driven = drive_cells(
                cells,
                load_distilled(),
                temperatures_K=COOLING_K,
                duration_ps=MELT_PS,
                stride_fs=STRIDE_FS,
                dynamics=dynamics,
                checkpoint_ps=10.0,
                seed=SEED,
                workdir=Path(folder),
                origin=MELT,
            )
        write_frames(path, [each for each in driven if (FrameInfo.of(each).time_ps or -1) > 0])
    return path


def train(
    name: str,
    frames: Sequence[Atoms],
    start: Path | None,
    *,
    isolated_atoms_eV: Mapping[str, float],
    steps: int,
    seed: int,
    **changes: object,
) -> Path:
    """The model file of one training by the product.

    Args:
        name: of the model in work/.
        frames: labelled; the product splits the validation frames off.
        start: model file, or None for a training from scratch.
        changes: of the section `learning.training`.
    """
    learning = read_configuration([SETTINGS])["learning"]
    training = learning["training"] | WEIGHTS | changes
    sets = collect(frames, {}, valid_fraction=training["valid_fraction"])
    shown = len(sets["train"]) * (1 + training["replay_ratio"] * (training["recipe"] == "replay"))
    training |= {"epochs": max(1, round(steps * min(training["batch_frames"], shown) / shown))}
    model = WORK / f"{name}.model"
    check, workdir = model.with_suffix(".train_check.json"), model.with_suffix(".work")
    if check.is_file():
        return model
    foundation = start and read_foundation(
        {"kind": "file", "sha256": sha256_of_file(start)},
        {"foundation": str(start)},
        training=training,
        elements=isolated_atoms_eV,
    )
    train_member(
        sets["train"],
        sets["valid"],
        product={"potential": name},
        isolated_atoms_eV=isolated_atoms_eV,
        foundation=foundation,
        model=learning["model"],
        training=training,
        device="cpu",
        seed=seed,
        bootstrap=False,
        workdir=workdir,
        model_path=model,
        check_path=check,
    )
    shutil.rmtree(workdir)
    return model


def gfn1_atoms_eV() -> dict[str, float]:
    """Isolated atoms by GFN1-xTB."""
    path = WORK / "gfn1/atoms.json"
    if not path.is_file():
        reference = read_reference(read_configuration([])["references"], "gfn1-xtb")
        write_json(path, label_isolated_atoms(["Al", "Cl", "Li", "O"], reference, workdir=path.parent))
    return read_json(path)


def gfn1_model() -> Path:
    """A model from scratch on the melts, labelled by GFN1-xTB."""
    labelled = WORK / "gfn1/melts.extxyz"
    labelled.parent.mkdir(parents=True, exist_ok=True)
    if not labelled.is_file():
        reference = read_reference(read_configuration([])["references"], "gfn1-xtb")
        label_chunk(
            melts(),
            labelled,
            labelled.with_suffix(".tsv"),
            reference,
            reference_name="gfn1-xtb",
            max_force_eV_A=dft_labels.MAX_FORCE_EV_A,
            store=LabelStore(labelled.parent / "labels", reference, protocol=1),
            workdir=labelled.parent,
        )
    frames = read_frames(labelled)
    return train("gfn1/gfn1", frames, None, isolated_atoms_eV=gfn1_atoms_eV(), steps=SCRATCH_STEPS, seed=SEED)


def model_of(start: str, truth: Truth, frames: Sequence[Atoms], seed: int) -> Path:
    """The model that these labels make of a start."""
    shown = digest([[FrameInfo.of(each).lineage, FrameInfo.of(each).temperature_K] for each in frames])
    name = f"{truth.name}/models/{start.replace(' + ', '-')}-{len(frames)}-{seed}-{shown[:8]}"
    options: dict = {"isolated_atoms_eV": truth.isolated_atoms_eV(), "seed": seed}
    if start == SCRATCH:
        return train(name, frames, None, steps=SCRATCH_STEPS, **options)
    steps = max(TUNING_STEPS, TUNING_STEPS_PER_LABEL * len(frames))
    options |= {"steps": steps, "learning_rate": TUNING_RATE}
    if start == REPLAY:
        path, held = melts(), truth.reference.dispersion
        dispersion = held if held == "none" else f"{held} of {truth.reference.functional}"
        structures = {"path": str(path), "sha256": sha256_of_file(path), "dispersion": dispersion}
        options |= {"recipe": "replay", "replay_structures": structures, **REPLAYED}
    return train(name, frames, gfn1_model() if start == GFN1 else SHIPPED[start], **options)


def drawn(truth: Truth, budget: int, seed: int) -> list[Atoms]:
    """That many frames of the pool, drawn at random; those of a smaller budget are among them."""
    pool = truth.frames("train")
    order = np.random.default_rng([SEED, seed]).permutation(len(pool))
    return [pool[index] for index in order[:budget]]


def measured(start: str, truth: Truth, model: Path, check: Path, **facts: object) -> dict:
    """Errors of a model on the test frames."""
    test = truth.frames("heldout")
    found = predict(test, load_checked_committee([model], [check], device="cpu", dtype="float64"))
    pairs = ((each["symbols"], each["forces_eV_A"], each["reference_forces_eV_A"]) for each in found)
    by_temperature = {state: each["force_mae_meV_A"] for state, each in errors_by_temperature(found).items()}
    measures = {"errors": errors(found), "by_temperature": by_temperature, "by_element": errors_by_element(pairs)}
    return {"start": start, **facts, "test": len(test), **measures}


def curves(truth: Truth, starts: Sequence[str], budgets: Sequence[int], seeds: Sequence[int]) -> None:
    """Train and measure what is not in the records yet."""
    for seed, budget, start in product(seeds, budgets, starts):
        frames, known = drawn(truth, budget, seed), (start, budget, seed, len(truth.frames("heldout")))
        if len(frames) < budget or known in map(_facts, records(truth)):
            continue
        model = model_of(start, truth, frames, seed)
        check = model.with_suffix(".train_check.json")
        found = measured(start, truth, model, check, labels=budget, seed=seed)
        with (truth.work / "records.jsonl").open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(row_of(found), flush=True)


def _facts(record: Mapping) -> tuple:
    return tuple(record[name] for name in ("start", "labels", "seed", "test"))


def records(truth: Truth) -> list[dict]:
    """What was measured so far."""
    path = truth.work / "records.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def row_of(found: Mapping) -> str:
    """A row of the table of curves."""
    elements = " / ".join(f"{found['by_element'][each]['MAE']:.0f}" for each in ELEMENTS)
    warmth = " / ".join(f"{mae:.0f}" for mae in found["by_temperature"].values())
    force, energy = found["errors"], found["errors"]["energy_rmse_meV_atom"]
    return (
        f"{found['start']} | {found['labels']} | {found['seed']} | {force['force_mae_meV_A']:.0f} | "
        f"{force['force_rmse_meV_A']:.0f} | {force['force_slope']:.2f} | {warmth} | {elements} | {energy:.0f}"
    )


def fewer_labels(found: Sequence[Mapping], start: str) -> float | None:
    """Labels that a training from scratch needs over those from a start, at equal MAE: mean over the common errors."""
    lines = []
    for name in (SCRATCH, start):
        own = [each for each in found if each["start"] == name and each["labels"]]
        budgets = sorted({each["labels"] for each in own})
        error = [np.mean([each["errors"]["force_mae_meV_A"] for each in own if each["labels"] == n]) for n in budgets]
        lines.append((np.log(budgets), np.minimum.accumulate(np.log(error)) if error else np.empty(0)))
    (labels, error), (labels_start, error_start) = lines
    if not len(error) or not len(error_start):
        return None
    low, high = max(error[-1], error_start[-1]), min(error[0], error_start[0])
    if low >= high:
        return None
    at = np.linspace(low, high, 101)
    needed = np.interp(at, error[::-1], labels[::-1]) - np.interp(at, error_start[::-1], labels_start[::-1])
    return float(np.exp(needed.mean()))


def errors_of_potential(driver: UniversalDriver | Committee, frames: Sequence[Atoms]) -> str:
    """Errors of a potential on labels, by element."""
    pairs = []
    for frame in frames:
        bound, *where = driver.on_frame(frame)
        forces = bound.evaluate(*where).forces.cpu().numpy()
        pairs.append((frame.symbols, forces, FrameInfo.of(frame).reference_forces_eV_A))
    found = errors_by_element(pairs)
    return " | ".join(f"{found[each]['MAE']:.0f}, {found[each]['slope']:.2f}" for each in ("all", *ELEMENTS))


def potentials(truth: Truth, names: Sequence[str]) -> Iterator[str]:
    """Rows: errors of the universal potentials and of the shipped models on all labels, by element."""
    frames, references = truth.frames(), read_configuration([])["references"]
    forces = np.concatenate([FrameInfo.of(frame).reference_forces_eV_A.ravel() for frame in frames])
    yield f"{len(frames)} frames, RMS force {1000 * forces.std():.0f} meV/Å"
    yield "potential | " + " | ".join(f"{each}: MAE, slope" for each in ("all", *ELEMENTS))
    for name in names:
        if name in SHIPPED:
            model = SHIPPED[name]
            committee = load_committee([model], sha256=[sha256_of_file(model)], device="cpu", dtype="float32")
            yield f"{name} | {errors_of_potential(committee, frames)}"
        else:
            driver = UniversalDriver(read_reference(references, name))
            yield f"{name} | {errors_of_potential(driver, frames)}"
            driver.close()


def zero_shot(truth: Truth, starts: Sequence[str]) -> Iterator[str]:
    """Rows of the starts before their first label."""
    for start in (each for each in (DISTILLED, FAMILIES) if each in starts):
        check = truth.work / f"{start}.train_check.json"
        write_json(check, {"sha256": sha256_of_file(SHIPPED[start])})
        yield row_of(measured(start, truth, SHIPPED[start], check, labels=0, seed=0))
    if GFN1 in starts:
        model = gfn1_model()
        yield row_of(measured(GFN1, truth, model, model.with_suffix(".train_check.json"), labels=0, seed=0))


def main() -> None:
    """Measure what was asked for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", default=DFT, help="whose labels: DFT, or another reference that dft_labels.py asked")
    parser.add_argument("--parts", nargs="*", choices=("potentials", "starts", "curves"), default=("curves",))
    parser.add_argument("--potentials", nargs="*", choices=POTENTIALS, default=POTENTIALS)
    parser.add_argument("--starts", nargs="*", choices=STARTS, default=STARTS)
    parser.add_argument("--budgets", nargs="*", type=int, default=(4, 8, 16, 32, 64, 150))
    parser.add_argument("--seeds", nargs="*", type=int, default=(0,))
    arguments = parser.parse_args()
    header = "start | labels | seed | MAE | RMSE | slope | MAE by temperature | MAE of Li / Al / Cl / O | energy"
    truth = truth_of(arguments.truth)
    if "potentials" in arguments.parts:
        for row in potentials(truth, arguments.potentials):
            print(row, flush=True)
    if "starts" in arguments.parts:
        print("\n".join([header, *zero_shot(truth, arguments.starts)]))
    if "curves" in arguments.parts:
        print(header)
        curves(truth, arguments.starts, arguments.budgets, arguments.seeds)
        for start in (GFN1, DISTILLED, REPLAY, FAMILIES):
            ratio = fewer_labels(records(truth), start)
            print(f"labels from scratch over labels from {start}, at equal MAE: {ratio or float('nan'):.1f}")


if __name__ == "__main__":
    main()
