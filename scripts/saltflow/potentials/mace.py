"""Evaluating MACE models: the only module that imports mace for inference.

A model file is a pickle: it is loaded only when its SHA-256 is the one that the caller pins.
"""

import contextlib
import copy
import io
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from matscipy.neighbours import neighbour_list

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, check_hash, pinned_hash, read_json
from saltflow.campaign.dispersion_switch import NONE, check_apart, functional_of
from saltflow.potentials.d3 import Dispersion
from saltflow.potentials.kernels import accelerated, is_worthwhile
from saltflow.potentials.neighbour_list import is_stale

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about how torch.load is used inside e3nn and mace
    from mace.tools.utils import AtomicNumberTable

SKIN_A = 0.6  # neighbours within cutoff + skin are listed; the list is stale once atoms have moved half the skin
LARGEST_COORDINATE_A = 1e6  # a cell beyond it has blown up; rounding would begin to move its atoms


@dataclass(frozen=True)
class Evaluation:
    """Energies, forces and stresses of a batch of cells, means over the evaluated models.

    energies: (systems,) eV.
    forces: (atoms, 3) eV/Å.
    stresses: (systems, 3, 3) eV/Å³, ASE's sign (positive = the cell wants to shrink).
    force_std: (atoms,) eV/Å, committee disagreement: norm of the standard deviation of the force vector.
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    force_std: torch.Tensor


def load_model(path: str | Path, *, sha256: str, device: str, dtype: str) -> torch.nn.Module:
    """Load one MACE model.

    Args:
        path: the model file.
        sha256: what its content must hash to.
        device: cpu or cuda.
        dtype: float32 or float64.

    Raises:
        SaltflowError: the file is missing, its hash differs, it holds no MACE model, or there is no such device.
    """
    check_hash(path, pinned=sha256)
    if device == "cuda" and not torch.cuda.is_available():
        raise SaltflowError(
            "The setting device is cuda but this node has no usable GPU; set device: cpu or ask for a GPU."
        )
    model = torch.load(path, map_location=device, weights_only=False)
    if not hasattr(model, "r_max"):
        raise SaltflowError(f"{path} is no MACE model but a {type(model).__name__}; give the file of a whole model.")
    model = model.to(getattr(torch, dtype))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def load_committee(
    paths: Sequence[str | Path], *, sha256: Sequence[str], device: str, dtype: str, dispersion: str = NONE
) -> "Committee":
    """Load the models of a committee, each pinned by its hash; arguments as in `load_model` and `Committee`."""
    models = [
        load_model(path, sha256=pinned, device=device, dtype=dtype) for path, pinned in zip(paths, sha256, strict=True)
    ]
    return Committee(models, device=device, dtype=dtype, dispersion=dispersion)


def load_checked_committee(
    models: Sequence[str | Path],
    checks: Sequence[str | Path],
    *,
    device: str,
    dtype: str,
    dispersion: str = NONE,
) -> "Committee":
    """Load a committee of this workflow; its train checks pin the hashes."""
    pinned = [read_json(path)["sha256"] for path in checks]
    return load_committee(models, sha256=pinned, device=device, dtype=dtype, dispersion=dispersion)


def load_foundation(
    foundation: Mapping, *, path: str | None, release: str | None, device: str, dynamics: Mapping
) -> "Committee | None":
    """Load the foundation of a potential for molecular dynamics; None where it is trained from scratch.

    Arguments as in `pinned_hash` and `load_released`.
    """
    if foundation["kind"] == "none":
        return None
    dispersion, pinned = dynamics["dispersion"], pinned_hash(foundation, release=release)
    if release:
        check_apart(read_json(release), dispersion, potential=foundation["name"])
    return load_committee([path], sha256=[pinned], device=device, dtype=dynamics["dtype"], dispersion=dispersion)


def fetch_foundation(name: str, folder: Path) -> Path:
    """A published MACE model as a file of a folder.

    Args:
        name: of mace's list, such as medium-mpa-0.
        folder: made where it is missing.

    Returns:
        The file, {name}.model.

    Raises:
        SaltflowError: mace lists no such model, or it could not be fetched.
    """
    from mace.calculators.foundations_models import download_mace_mp_checkpoint, mace_mp_urls  # seconds

    if name not in mace_mp_urls:
        raise SaltflowError(f"'{name}' is no foundation model that mace lists; take one of {', '.join(mace_mp_urls)}.")
    path = folder / f"{name}.model"
    if not path.is_file():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                fetched = download_mace_mp_checkpoint(name)
        except (OSError, RuntimeError) as error:
            raise SaltflowError(
                f"{mace_mp_urls[name]} could not be fetched ({error}); fetch it where there is a network and copy it "
                f"to {path}."
            ) from None
        with atomic_write(path) as partial:
            shutil.copyfile(fetched, partial)
    return path


def load_released(model: str | Path, release: str | Path, *, device: str, dynamics: Mapping) -> "Committee":
    """Load the released model of a potential for molecular dynamics; its release record pins the hash.

    Args:
        model, release: results/potentials/{potential}/released.model and released.json.
        device: cpu or cuda.
        dynamics: the section `dynamics` of the rules, for dtype and dispersion.

    Raises:
        SaltflowError: the labels have dispersion already; or as in `load_model`.
    """
    record, dispersion = read_json(release), dynamics["dispersion"]
    check_apart(record, dispersion, potential=str(model))
    return load_committee(
        [model], sha256=[record["sha256"]], device=device, dtype=dynamics["dtype"], dispersion=dispersion
    )


def started_from_foundation(model: torch.nn.Module, foundation: torch.nn.Module) -> torch.nn.Module:
    """A copy of a fine-tuned model with the weights at its start: those that mace takes over from the foundation."""
    from mace.tools.finetuning_utils import load_foundations_elements

    return load_foundations_elements(
        copy.deepcopy(model),
        foundation,
        AtomicNumberTable([int(number) for number in model.atomic_numbers]),
        load_readout=True,
        max_L=model.products[0].linear.irreps_out.lmax,
        default_dtype=next(model.parameters()).dtype,
    )


class Committee:
    """Several MACE models of one architecture family, evaluated on a batch of periodic cells.

    Args:
        models: loaded by `load_model`; the force_std of a single model is zero.
        device: where they live.
        dtype: their precision.
        dispersion: added to every model, such as "D3(BJ) of PBE", or none.

    models: as evaluated; large ones use `saltflow.potentials.kernels` on a CPU.
    """

    def __init__(self, models: Sequence[torch.nn.Module], *, device: str, dtype: str, dispersion: str = NONE):
        self.models = [accelerated(model) if device == "cpu" and is_worthwhile(model) else model for model in models]
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        functional = functional_of(dispersion)
        self.dispersion = functional and Dispersion(functional, device=self.device, dtype=self.dtype)
        self.table = AtomicNumberTable([int(number) for number in self.models[0].atomic_numbers])
        self.cutoff_A = max(float(model.r_max) for model in self.models)

    def check_elements(self, numbers: np.ndarray, *, composition: str) -> None:
        """Refuse a cell with elements that the models do not know.

        Raises:
            SaltflowError: naming the composition and the elements.
        """
        unknown = sorted(set(int(number) for number in numbers) - set(self.table.zs))
        if unknown:
            from ase.data import chemical_symbols

            names = ", ".join(chemical_symbols[number] for number in unknown)
            raise SaltflowError(
                f"{composition}: the potential does not know {names}; add a composition with it to the potential's row."
            )

    def on(self, numbers: np.ndarray, system: np.ndarray) -> "BatchedPotential":
        """Bind the committee to a fixed set of atoms.

        Args:
            numbers: (atoms,) atomic numbers.
            system: (atoms,) non-decreasing index of the cell of each atom.
        """
        return BatchedPotential(self, numbers, system)

    def on_frame(self, frame: Atoms) -> tuple["BatchedPotential", torch.Tensor, torch.Tensor]:
        """The committee bound to one frame, and the arguments of `evaluate`: positions (atoms, 3), cells (1, 3, 3)."""
        numbers, system, positions, boxes = stack([frame])
        where = (torch.as_tensor(array, device=self.device) for array in (positions, boxes))
        return self.on(numbers, system), *where


class BatchedPotential:
    """A committee bound to the atoms of a batch; keeps a neighbour list with a skin.

    listed_at: positions and cells at which the list was made. A list made there again is the same to the last bit,
    so that a resumed run equals an uninterrupted one.
    """

    def __init__(self, committee: Committee, numbers: np.ndarray, system: np.ndarray):
        self.committee = committee
        device, dtype = committee.device, committee.dtype
        self.numbers = np.asarray(numbers, dtype=np.int32)
        self.systems = int(system.max()) + 1
        self.bounds = np.searchsorted(system, np.arange(self.systems + 1))
        self.system = torch.as_tensor(system, dtype=torch.long, device=device)
        one_hot = np.eye(len(committee.table))[[committee.table.z_to_index(int(number)) for number in numbers]]
        self._graph = {
            "node_attrs": torch.as_tensor(one_hot, dtype=dtype, device=device),
            "batch": self.system,
            "ptr": torch.as_tensor(self.bounds, dtype=torch.long, device=device),
            "head": torch.zeros(self.systems, dtype=torch.long, device=device),
            "pbc": torch.ones((self.systems, 3), dtype=torch.bool, device=device),
        }
        self.dispersion = committee.dispersion and committee.dispersion.on(numbers, self.system, systems=self.systems)
        self.listed_at: tuple[torch.Tensor, torch.Tensor] | None = None

    def evaluate(self, positions: torch.Tensor, cells: torch.Tensor, *, all_models: bool = False) -> Evaluation:
        """Energies, forces and stresses.

        Args:
            positions: (atoms, 3) Å, wrapped or not.
            cells: (systems, 3, 3) Å, rows are lattice vectors.
            all_models: evaluate every model, for means and force_std; else only the first.

        Returns:
            the numbers of every cell. Those of a cell that has blown up (coordinates not finite or too large, no
            volume, atoms on top of each other) are NaN; the other cells are not affected.
        """
        active = self._active(positions, cells)
        evaluation = self._evaluate_active(positions, cells, active, all_models=all_models)
        if bool((self._finite(evaluation) | ~active).all()):
            return evaluation
        # MACE's gradients spread the NaN of one cell over its batch: exclude the cells that give NaN when alone.
        for index in torch.nonzero(active).flatten().tolist():
            only = torch.arange(self.systems, device=active.device) == index
            active[index] = self._finite(self._evaluate_active(positions, cells, only, all_models=all_models))[index]
        return self._evaluate_active(positions, cells, active, all_models=all_models)

    def _finite(self, evaluation: Evaluation) -> torch.Tensor:
        """(systems,) whether all numbers of a cell are finite."""
        sums = evaluation.energies + evaluation.stresses.sum((-1, -2))
        return torch.isfinite(sums.index_add(0, self.system, evaluation.forces.sum(-1)))

    def _evaluate_active(
        self, positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor, *, all_models: bool
    ) -> Evaluation:
        """Evaluate the `active` cells, (systems,); the numbers of the others are NaN."""
        graph = self._graph_at(positions, cells, active)
        models = self.committee.models if all_models else self.committee.models[:1]
        outputs = [_run(model, graph) for model in models]
        energies, forces, stresses = (
            torch.stack([output[key].detach().double() for output in outputs]) for key in ("energy", "forces", "stress")
        )
        if self.dispersion:  # the same for all models: force_std stays
            added = self.dispersion.evaluate(positions, cells, active=active)
            energies, forces, stresses = (
                of_models + more for of_models, more in zip((energies, forces, stresses), added, strict=True)
            )
        energies = energies.masked_fill(~active, torch.nan)
        forces = forces.masked_fill(~active[self.system, None], torch.nan)
        stresses = stresses.masked_fill(~active[:, None, None], torch.nan)
        deviation = forces - forces.mean(0)
        force_std = deviation.square().sum(-1).mean(0).sqrt()
        return Evaluation(energies.mean(0), forces.mean(0), stresses.mean(0), force_std)

    def descriptors(self, positions: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """(atoms, features) scalar node features of all layers of the first model; rotations leave them unchanged."""
        graph = self._graph_at(positions, cells, self._active(positions, cells))
        model = self.committee.models[0]
        return _run(model, graph, forces=False)["node_feats"].detach().double()[:, _scalars(model)]

    def _active(self, positions: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """(systems,) which cells have usable coordinates and a volume."""
        unusable = ~(positions.abs() < LARGEST_COORDINATE_A).all(-1)  # NaN compares false
        unusable_atoms = torch.zeros(self.systems, dtype=positions.dtype, device=positions.device)
        unusable_atoms.index_add_(0, self.system, unusable.to(positions.dtype))
        box = (cells.abs() < LARGEST_COORDINATE_A).all(-1).all(-1) & (torch.linalg.det(cells).abs() > 0)
        return (unusable_atoms == 0) & box

    def _graph_at(self, positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor) -> dict[str, torch.Tensor]:
        if not bool(active.all()):
            positions = torch.where(active[self.system, None], positions, 0.0)
            cells = torch.where(active[:, None, None], cells, torch.eye(3, dtype=cells.dtype, device=cells.device))
            self.list_neighbours(positions, cells, active=active)
        elif self.listed_at is None or self._list_is_stale(positions, cells):
            self.list_neighbours(positions, cells)
        dtype = self.committee.dtype
        home = positions - torch.einsum("ni,nij->nj", self._image, cells[self.system])
        shifts = torch.einsum("ni,nij->nj", self._unit_shifts, cells[self._edge_system])
        vectors = home[self._edges[1]] - home[self._edges[0]] + shifts
        near = vectors.square().sum(-1) < self.committee.cutoff_A**2
        return self._graph | {
            "positions": home.to(dtype),
            "cell": cells.reshape(-1, 3).to(dtype),
            "edge_index": self._edges[:, near],
            "unit_shifts": self._unit_shifts[near].to(dtype),
            "shifts": shifts[near].to(dtype),
        }

    def _list_is_stale(self, positions: torch.Tensor, cells: torch.Tensor) -> bool:
        cutoff_A = self.committee.cutoff_A
        return is_stale(self.listed_at, positions, cells, self.system, cutoff_A=cutoff_A, skin_A=SKIN_A)

    def list_neighbours(
        self, positions: torch.Tensor, cells: torch.Tensor, *, active: torch.Tensor | None = None
    ) -> None:
        """Make the neighbour list.

        Args:
            positions, cells: as in `evaluate`.
            active: (systems,) which cells to list; all when not given.
        """
        fractional = torch.einsum("ni,nij->nj", positions, torch.linalg.inv(cells)[self.system])
        image = torch.floor(fractional)
        home = torch.einsum("ni,nij->nj", fractional - image, cells[self.system]).cpu().numpy()
        boxes = cells.cpu().numpy()
        senders, receivers, shifts, owners = [], [], [], []
        for index, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            if active is not None and not bool(active[index]):
                continue
            sender, receiver, shift = neighbour_list(
                "ijS",
                positions=home[first:last],
                cell=boxes[index],
                pbc=[True] * 3,
                numbers=self.numbers[first:last],
                cutoff=self.committee.cutoff_A + SKIN_A,
            )
            senders.append(sender + first)
            receivers.append(receiver + first)
            shifts.append(shift)
            owners.append(np.full(len(sender), index))
        device = self.committee.device
        none = np.empty(0, dtype=int)  # no cell is active
        edges = np.stack([np.concatenate([none, *senders]), np.concatenate([none, *receivers])])
        self._edges = torch.as_tensor(edges, dtype=torch.long, device=device)
        shifts = np.concatenate([np.empty((0, 3)), *shifts])
        self._unit_shifts = torch.as_tensor(shifts, dtype=torch.float64, device=device)
        self._edge_system = torch.as_tensor(np.concatenate([none, *owners]), dtype=torch.long, device=device)
        self._image = image
        self.listed_at = (positions.clone(), cells.clone())


def _run(model: torch.nn.Module, graph: dict[str, torch.Tensor], *, forces: bool = True) -> dict[str, torch.Tensor]:
    positions = graph["positions"].clone().requires_grad_(True)
    # TorchScript optimises after the first call and then rounds differently: a resumed run would leave its trajectory.
    # Without optimisation all calls are equal, and no slower.
    with torch.jit.optimized_execution(False):
        return model(graph | {"positions": positions}, training=False, compute_force=forces, compute_stress=forces)


def _scalars(model: torch.nn.Module) -> torch.Tensor:
    """(features,) which node features are scalars, layer after layer."""
    layers = [product.linear.irreps_out for product in model.products]
    return torch.tensor([each.ir.l == 0 for layer in layers for each in layer for _ in range(each.dim)])


def stack(cells: Sequence[Atoms]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Concatenate cells into one batch.

    Returns:
        numbers (atoms,), system (atoms,), positions (atoms, 3) Å, boxes (systems, 3, 3) Å.
    """
    numbers = np.concatenate([cell.numbers for cell in cells])
    system = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    positions = np.concatenate([cell.positions for cell in cells])
    return numbers, system, positions, np.stack([cell.cell.array for cell in cells])
