"""Every recipe of fine-tuning by mace's own program; a damaged result is refused in a sentence.

The foundation is a small model with random weights that labels its own frames, so it knows them without error; the new
frames are labelled by another one.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import atomic_numbers
from killed_training import killed_after, log_of, losses
from mace_models import committee_of, make_model, rock_salt, save_models

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json, sha256_of_file
from saltflow.labels.frames import write_frames
from saltflow.learning.foundations import Foundation, FoundationBaseline, errors_of, forgetting_errors
from saltflow.learning.pseudolabels import ReplaySet, label_structures, load_teacher, read_structures
from saltflow.learning.recipes import draw_replayed, recipe_arguments
from saltflow.learning.train_check import TrainingRequest, check_foundation, check_training
from saltflow.learning.training import train_member
from saltflow.potentials.mace import Committee, load_checked_committee, started_from_foundation

ISOLATED_EV = {"Li": -1.0, "Cl": -2.0, "Zr": -3.0}  # of `make_model`
PRODUCT = {"potential": "chloride", "generation": 1, "member": 2}
SUBJECT = "potential chloride, generation 1, member 2"
TRAINING = {
    "epochs": 6,
    "batch_frames": 2,
    "learning_rate": 0.01,
    "forces_weight": 100.0,
    "energy_weight": 1.0,
    "stress_weight": 1.0,
    "dtype": "float64",
}
NAIVE = {"recipe": "naive"}
FROZEN = {"recipe": "frozen", "frozen": "interactions"}
LORA = {"recipe": "lora", "lora_rank": 2, "lora_scale": 1.0}
REPLAY = {"recipe": "replay", "replay_ratio": 2.0, "replay_weight": 10.0}


def labelled_by(model: Path, seeds: range, *, with_zirconium: bool) -> list[Atoms]:
    """Rattled cells of 16 atoms with the labels of a model."""
    frames, committee = [], committee_of([model])
    for seed in seeds:
        frame = rock_salt(repeats=(2, 2, 2), rattle_A=0.15, seed=seed)
        if with_zirconium:
            frame.symbols[0] = "Zr"
        potential = committee.on(frame.numbers, np.zeros(len(frame), dtype=int))
        found = potential.evaluate(torch.as_tensor(frame.positions), torch.as_tensor(frame.cell.array)[None])
        frame.info |= {"REF_energy": float(found.energies[0]), "REF_stress": found.stresses[0].numpy()}
        frame.arrays["REF_forces"] = found.forces.numpy()
        frames.append(frame)
    return frames


class Case:
    """A foundation with its own frames, and new ones."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.foundation, self.truth = save_models(folder, seeds=(1, 2))
        known = labelled_by(self.foundation, range(6), with_zirconium=True)
        known += labelled_by(self.foundation, range(6, 10), with_zirconium=False)
        self.known_train, self.known_heldout = known[0::2], known[1::2]
        new = labelled_by(self.truth, range(20, 26), with_zirconium=False)
        self.train, self.valid = new[:4], new[4:]
        self.checks: dict[str, dict] = {}

    def model_path(self, recipe: str) -> Path:
        return self.folder / f"{recipe}.model"

    def fine_tune(self, recipe: dict, *, name: str | None = None) -> dict:
        """The check of a training by a recipe; it is trained once."""
        foundation = Foundation(self.foundation, train=self.known_train, heldout=self.known_heldout)
        return self.train_once(
            name or recipe["recipe"], self.train, self.valid, foundation, TRAINING | recipe, ISOLATED_EV
        )

    def train_once(self, name: str, train, valid, foundation: Foundation, training: dict, isolated_eV: dict) -> dict:
        if name not in self.checks:
            train_member(
                train,
                valid,
                product=PRODUCT,
                isolated_atoms_eV=isolated_eV,
                foundation=foundation,
                model={},
                training=training,
                device="cpu",
                seed=1,
                bootstrap=False,
                workdir=self.folder / name,
                model_path=self.model_path(name),
                check_path=self.folder / f"{name}.json",
            )
            self.checks[name] = read_json(self.folder / f"{name}.json")
        return self.checks[name]

    def saved(self, recipe: dict) -> torch.nn.Module:
        self.fine_tune(recipe)
        return torch.load(self.model_path(recipe["recipe"]), weights_only=False)

    def log(self, recipe: dict) -> str:
        self.fine_tune(recipe)
        return self.log_of(recipe["recipe"])

    def log_of(self, name: str) -> str:
        return log_of(self.folder / name)


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    return Case(tmp_path_factory.mktemp("recipes"))


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """By name, without Bessel's wave numbers: weights of a fine-tuned model, a buffer of another."""
    return {name: weight.detach() for name, weight in model.named_parameters() if "bessel" not in name}


def of_lithium_and_chlorine(name: str, weight: torch.Tensor) -> torch.Tensor:
    """A weight of the foundation without zirconium, the last of its three elements.

    Embeddings are sums over elements that e3nn divides by the root of their number.
    """
    if name == "node_embedding.linear.weight":
        return weight.view(3, -1)[:2].flatten() * math.sqrt(2 / 3)
    if name.endswith("skip_tp.weight"):
        return weight.view(4, 3, 4)[:, :2].flatten() * math.sqrt(2 / 3)
    return weight[:2] if "symmetric_contractions" in name else weight


# ── naive ──────────────────────────────────────────────────────────────────────────────────────


def test_a_naive_training_begins_at_the_foundation_and_moves_every_part(case):
    check = case.fine_tune(NAIVE)
    assert check["start_force_rmse_meV_A"] == pytest.approx(check["foundation_force_rmse_meV_A"], abs=0.01)
    error = errors_of(case.valid, committee_of([case.foundation]))["force_rmse_meV_A"]
    assert check["foundation_force_rmse_meV_A"] == pytest.approx(error)
    assert all(check["largest_change"][part] > 0 for part in ("node_embedding", "interactions", "products", "readouts"))
    assert check["foundation_sha256"] == sha256_of_file(case.foundation)


def test_it_learns_the_new_frames_and_forgets_those_of_the_foundation(case):
    check = case.fine_tune(NAIVE)
    tuned = load_checked_committee(
        [case.model_path("naive")], [case.folder / "naive.json"], device="cpu", dtype="float64"
    )
    assert errors_of(case.valid, tuned)["force_rmse_meV_A"] < 0.95 * check["foundation_force_rmse_meV_A"]
    forgotten = check["forgetting_check"]
    assert forgotten["before"]["force_rmse_meV_A"] < 1e-6
    assert forgotten["after"]["force_rmse_meV_A"] > 1.0


def test_forgetting_is_measured_on_elements_that_remain(case):
    known = [frame for frame in case.known_heldout if 40 not in frame.numbers]
    forgotten = case.fine_tune(NAIVE)["forgetting_check"]
    assert (forgotten["frames"], forgotten["of"]) == (len(known), len(case.known_heldout))
    assert 0 < len(known) < len(case.known_heldout)
    only_zirconium = [frame for frame in case.known_heldout if 40 in frame.numbers]
    before, after = committee_of([case.foundation]), committee_of([case.model_path("naive")])
    assert forgetting_errors(only_zirconium, before=before, after=after, most=20) is None


# ── frozen ─────────────────────────────────────────────────────────────────────────────────────


def test_frozen_parts_end_as_those_of_the_foundation_to_the_last_bit(case):
    check = case.fine_tune(FROZEN)
    before, after = weights(make_model(seed=1)), weights(case.saved(FROZEN))
    for name in after:
        kept = of_lithium_and_chlorine(name, before[name])
        if name.startswith(("node_embedding", "interactions")) and "skip" not in name and "embedding" not in name:
            assert torch.equal(after[name], kept), name
        elif name.startswith(("node_embedding", "interactions")):
            assert after[name].numpy() == pytest.approx(kept.numpy(), rel=1e-14), name
    assert check["largest_change"]["node_embedding"] == check["largest_change"]["interactions"] == 0.0
    assert check["largest_change"]["products"] > 0
    assert check["largest_change"]["readouts"] > 0


@pytest.mark.parametrize(("part", "level"), [("embedding", 1), ("interactions", 5), ("products", 6)])
def test_parts_are_frozen_by_the_levels_that_mace_has_for_them(part, level):
    assert recipe_arguments({"recipe": "frozen", "frozen": part}) == [f"--freeze={level}"]


# ── lora ───────────────────────────────────────────────────────────────────────────────────────


def test_what_lora_learned_is_in_the_weights_of_the_saved_model(case):
    check = case.fine_tune(LORA)
    before, after = weights(make_model(seed=1)), weights(case.saved(LORA))
    assert before.keys() == after.keys()
    assert all("lora" not in name for name in after)
    error = errors_of(case.valid, committee_of([case.model_path("lora")]))["force_rmse_meV_A"]
    lines = [line for line in case.log(LORA).splitlines() if f"Epoch {check['saved_epoch']}:" in line]
    assert error == pytest.approx(float(lines[-1].split("RMSE_F=")[1].split()[0]), abs=0.02)
    assert error < check["foundation_force_rmse_meV_A"]


def test_lora_adds_a_matrix_of_its_rank_to_a_linear_layer_and_none_to_products(case):
    before, after = weights(make_model(seed=1)), weights(case.saved(LORA))
    name = "interactions.1.conv_tp_weights.layer0.weight"
    added = after[name] - before[name]
    assert torch.linalg.matrix_rank(added, rtol=1e-9) == LORA["lora_rank"] < min(added.shape)
    contractions = [name for name in after if "symmetric_contractions" in name]
    assert contractions
    for name in contractions:
        assert torch.equal(after[name], of_lithium_and_chlorine(name, before[name]))


# ── replay ─────────────────────────────────────────────────────────────────────────────────────


def test_replay_forgets_less_than_naive(case):
    naive, replay = (case.fine_tune(recipe)["forgetting_check"] for recipe in (NAIVE, REPLAY))
    known = [frame for frame in case.known_heldout if 40 not in frame.numbers]
    after = errors_of(known, committee_of([case.model_path("replay")]))["force_rmse_meV_A"]
    assert after < 0.8 * naive["after"]["force_rmse_meV_A"]
    assert replay["frames"] == replay["of"] == len(case.known_heldout)


def test_replay_keeps_the_elements_of_the_foundation(case):
    check = case.fine_tune(REPLAY)
    assert check["isolated_atoms_eV"] == {"3": -1.0, "17": -2.0, "40": -3.0}
    assert check["replayed_frames"] == len(case.known_train)
    assert check["frames"] == len(case.train) + len(case.known_train)


@pytest.mark.parametrize("recipe", [REPLAY, LORA], ids=lambda recipe: recipe["recipe"])
def test_a_killed_fine_tuning_ends_with_the_weights_of_an_uninterrupted_one(case, recipe):
    whole, name = case.saved(recipe).state_dict(), f"killed {recipe['recipe']}"
    with killed_after(2, case.folder / name):
        case.fine_tune(recipe, name=name)
    check = case.fine_tune(recipe, name=name)
    assert check["training"] == "resumed, exact"
    assert check["resumed_epochs"][0] in (2, 3)
    model = torch.load(case.model_path(name), weights_only=False).state_dict()
    assert all(torch.equal(model[key], whole[key]) for key in whole)
    assert losses(case.log_of(name)) == losses(case.log(recipe))


def test_replayed_frames_are_drawn_once_each_and_carry_their_weight(case):
    drawn = draw_replayed(case.known_train, frames=4, training=REPLAY | {"replay_ratio": 0.5}, seed=3)
    energies = [frame.info["REF_energy"] for frame in drawn]
    assert len(set(energies)) == len(drawn) == 2
    assert set(energies) < {frame.info["REF_energy"] for frame in case.known_train}
    assert {frame.info["config_weight"] for frame in drawn} == {10.0}
    assert all("config_weight" not in frame.info for frame in case.known_train)
    assert draw_replayed(case.known_train, frames=4, training=NAIVE, seed=3) == []


# ── replay of structures that the foundation labels ────────────────────────────────────────────

OTHER_EV = {"Li": -4.0, "Cl": -6.5}  # of a reference with another zero than the foundation's


@pytest.fixture(scope="module")
def structures(case) -> ReplaySet:
    """Cells of five formulas, one of them with an element that is not learned."""
    cells = []
    for lithium in (2, 3, 5, 6):
        for seed in range(3):
            cells.append(rock_salt(repeats=(2, 2, 1), rattle_A=0.15, seed=10 * lithium + seed))
            cells[-1].symbols = "Li" * lithium + "Cl" * (8 - lithium)
    cells.append(rock_salt(repeats=(2, 2, 1)))
    cells[-1].symbols[0] = "Zr"
    path = case.folder / "structures.extxyz"
    write_frames(path, cells)
    entry = {"path": str(path), "sha256": sha256_of_file(path), "dispersion": "none"}
    return read_structures(entry, elements=["Li", "Cl"])


def replay_of(case: Case, structures: ReplaySet, name: str, new: list[Atoms], **changes) -> dict:
    foundation = Foundation(case.foundation, structures.train, structures.heldout, structures)
    return case.train_once(name, new[:4], new[4:], foundation, TRAINING | REPLAY | changes, OTHER_EV)


def teacher_of(case: Case) -> Committee:
    isolated = {atomic_numbers[symbol]: energy for symbol, energy in OTHER_EV.items()}
    sha256 = sha256_of_file(case.foundation)
    return load_teacher(case.foundation, sha256=sha256, isolated_atoms_eV=isolated, dispersion="none", device="cpu")


@pytest.fixture(scope="module")
def replayed(case, structures) -> dict:
    """The check of a training on contradicting labels together with structures that the foundation labelled."""
    new = [frame.copy() for frame in (*case.train, *case.valid)]
    for frame in new:
        frame.info["REF_energy"] += sum(OTHER_EV[symbol] - ISOLATED_EV[symbol] for symbol in frame.symbols)
    return replay_of(case, structures, "replayed", new)


def test_structures_that_the_foundation_labels_are_replayed_and_counted(replayed, structures):
    assert replayed["replayed_frames"] == 8 < len(structures.train)
    assert replayed["frames"] == 4 + 8
    assert replayed["isolated_atoms_eV"] == {"3": -4.0, "17": -6.5}
    found = replayed["pseudolabels"]
    assert (found["structures"], found["heldout"], found["excluded"]) == (9, 3, 1)
    assert (found["sha256"], found["dispersion"]) == (structures.sha256, "none")
    assert found["errors_on_labels"]["force_rmse_meV_A"] == pytest.approx(replayed["foundation_force_rmse_meV_A"])


def test_replayed_structures_reduce_forgetting(case, replayed, structures):
    case.fine_tune(NAIVE)
    forgotten = replayed["forgetting_check"]
    assert (forgotten["frames"], forgotten["of"]) == (3, 3)
    assert forgotten["before"] == {"force_rmse_meV_A": 0.0, "energy_rmse_meV_atom": 0.0}
    naive = errors_of(label_structures(structures.heldout, teacher_of(case)), committee_of([case.model_path("naive")]))
    assert 1.0 < forgotten["after"]["force_rmse_meV_A"] < 0.7 * naive["force_rmse_meV_A"]


def test_labels_of_the_foundation_leave_the_weights(case, replayed, structures):
    """New and replayed frames by the foundation: mace finds no error before its first step, and hardly any later."""
    cells = [frame.copy() for frame in (*case.train, *case.valid)]
    new = label_structures(cells, teacher_of(case))
    check = replay_of(case, structures, "nothing new", new, epochs=2, learning_rate=0.001)
    assert re.search(
        r"Initial:.*loss=0\.00000000, RMSE_E_per_atom= +0\.00 meV, RMSE_F= +0\.00 meV", case.log_of("nothing new")
    )
    contradiction = replayed["pseudolabels"]["errors_on_labels"]
    for quantity, error in check["forgetting_check"]["after"].items():
        assert error < 0.01 * contradiction[quantity]


def test_a_foundation_of_the_same_elements_begins_on_the_isolated_atoms_of_the_reference(case, tmp_path):
    """mace keeps the isolated atoms of a foundation that knows just the elements of the frames."""
    foundation = Foundation(case.foundation, train=case.known_train, heldout=case.known_heldout)
    wanted_eV = {3: -194.554, 17: -444.808, 40: -7.5}

    def start(isolated_atoms_eV: dict) -> Path:
        request = TrainingRequest(SUBJECT, isolated_atoms_eV, TRAINING | NAIVE, frames=4, batch=2, resumed_epoch=0)
        return FoundationBaseline(foundation, case.valid, request, device="cpu").start(tmp_path)

    begun, before = (torch.load(path, weights_only=False) for path in (start(wanted_eV), case.foundation))
    numbers = [int(number) for number in begun.atomic_numbers]
    assert begun.atomic_energies_fn.atomic_energies.flatten().tolist() == [wanted_eV[each] for each in numbers]
    weights = dict(before.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in begun.named_parameters())
    assert start({3: -194.554, 17: -444.808}) == case.foundation  # it knows more, and mace takes those that are given


# ── damage ─────────────────────────────────────────────────────────────────────────────────────


def damaged(case: Case, recipe: dict = NAIVE, *, log: tuple[str, str] = ("", ""), start: float = 0.0, **changes) -> str:
    """The sentence for a real result in which something was changed.

    `log` is a text of the log and its replacement; `start` is added to the foundation's error.
    """
    model, text = case.saved(recipe), case.log(recipe)
    change = changes.pop("change", lambda model: None)
    change(model)
    assert log[0] in text
    wanted = {
        "subject": SUBJECT,
        "isolated_atoms_eV": {3: -1.0, 17: -2.0},
        "training": TRAINING | recipe,
        "frames": len(case.train),
        "batch": 2,
        "resumed_epoch": 0,
    }
    with pytest.raises(SaltflowError) as caught:
        check_training(
            model,
            text.replace(*log) if log[0] else text,
            TrainingRequest(**wanted | changes),
            earlier="",
            foundation=torch.load(case.foundation, weights_only=False),
            start_meV_A=case.fine_tune(recipe)["foundation_force_rmse_meV_A"] + start,
        )
    sentence = str(caught.value)
    assert sentence.startswith(f"{SUBJECT}: ")
    return sentence


def set_nan(model: torch.nn.Module) -> None:
    next(model.parameters()).data.view(-1)[0] = torch.nan


def shift_isolated_atom(model: torch.nn.Module) -> None:
    model.atomic_energies_fn.atomic_energies[0, 1] += 0.01


def add_a_head(model: torch.nn.Module) -> None:
    model.heads = ["pt_head", "Default"]


def nudge(name: str):
    def change(model: torch.nn.Module) -> None:
        dict(model.named_parameters())[name].data.view(-1)[0] += 1e-12

    return change


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"change": set_nan}, r"diverged: weights are not finite; lower learning\.training\.learning_rate"),
        (
            {"change": lambda model: model.float()},
            r"weights are torch\.float32 instead of float64 \(learning\.training\.dtype\)",
        ),
        ({"change": shift_isolated_atom}, r"other isolated-atom energies than the reference for Z = \[17\]: mace kept"),
        ({"change": add_a_head}, r"has the heads \['pt_head', 'Default'\] instead of \['Default'\]"),
        ({"isolated_atoms_eV": {3: -1.0, 17: -2.0, 40: -3.0}}, "knows Li, Cl where its frames hold Li, Cl, Zr"),
        ({"log": ("forces: 4, ", "forces: 3, ")}, "mace read 3 labels of forces from 4 frames"),
        (
            {"log": ("stress: 4", "stress: 0")},
            r"read 0 labels of stress .* remove the imported set that lacks REF_st",
        ),
        ({"log": ("Batch size: 2", "Batch size: 8")}, "took batches of 8 from 4 frames instead of 2"),
        (
            {"log": ("forces_weight=100.000", "forces_weight=10.000")},
            r"trained with W.*forces_weight=10\.000.* instead of \(",
        ),
        ({"log": ("WeightedEnergyForcesStressLoss", "UniversalLoss")}, "trained with another loss instead of"),
        ({"log": ("Epoch ", "Step ")}, "mace trained no epoch on 4 frames in batches of 2; raise"),
        ({"resumed_epoch": 3}, "began at epoch 0 where epoch 3 was to be the next; delete"),
        ({"training": TRAINING | NAIVE | {"epochs": 9}}, "ended after epoch 5 of 9; train again"),
        ({"start": 1.0}, r"before the first epoch the model had a force error of .* its weights were not the start"),
    ],
)
def test_a_damaged_result_is_refused(case, damage, sentence):
    assert re.search(sentence, damaged(case, **damage))


@pytest.mark.parametrize(
    ("recipe", "name"),
    [(FROZEN, "interactions.0.linear.weight"), (LORA, "products.0.symmetric_contractions.contractions.0.weights_max")],
)
def test_a_frozen_weight_that_changed_in_the_last_digits_is_refused(case, recipe, name):
    found = damaged(case, recipe, change=nudge(name))
    assert f"frozen weights of the recipe {recipe['recipe']} changed ({name}, 1 in all)" in found


def test_a_training_that_moved_nothing_is_refused(case):
    def put_back(model: torch.nn.Module) -> None:
        start = started_from_foundation(model, torch.load(case.foundation, weights_only=False))
        model.load_state_dict(start.state_dict())

    assert "no weight was trained; raise learning.training.learning_rate" in damaged(case, change=put_back)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            add_a_head,
            r"has the heads pt_head, Default, of which mace would silently take one; write one into its own file",
        ),
        (lambda model: model.atomic_numbers.copy_(torch.tensor([3, 9, 40])), "does not know Cl; start from one that"),
    ],
)
def test_a_foundation_that_does_not_fit_is_refused_before_the_training(change, sentence):
    foundation = make_model(seed=1)
    change(foundation)
    request = TrainingRequest(SUBJECT, {3: -1.0, 17: -2.0}, TRAINING | NAIVE, frames=4, batch=2, resumed_epoch=0)
    with pytest.raises(SaltflowError, match=f"{SUBJECT}: the foundation {sentence}"):
        check_foundation(foundation, request)
