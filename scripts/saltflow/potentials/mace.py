"""Evaluating MACE models: the only module that imports mace for inference.

A model file is a pickle: it is loaded only when its SHA-256 is the one that the caller pins.
"""

import copy
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from saltflow.base.errors import DamagedProductError, SaltflowError
from saltflow.base.provenance import check_hash, pinned_hash, read_json
from saltflow.campaign.dispersion_switch import NONE, check_apart, functional_of
from saltflow.potentials import mace_imports  # noqa: F401 before mace
from saltflow.potentials.compiled.model import CompiledMACE, Neighbours
from saltflow.potentials.compilers import fastest
from saltflow.potentials.d3 import Dispersion
from saltflow.potentials.kept_pairs import KeptPairs, renew_lists
from saltflow.potentials.matrices_3x3 import determinant
from saltflow.potentials.model_files import check_model_file
from saltflow.potentials.neighbour_list import Pairs
from saltflow.potentials.protocol import Evaluation, stack
from saltflow.potentials.symmetrix_xl import SymmetrixMACE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about how torch.load is used inside e3nn and mace
    from mace.tools.utils import AtomicNumberTable

# Neighbours within cutoff + skin are listed; the list is stale once atoms have moved half the skin. On a CPU fewer
# lists pay: a melt of 63 atoms gains a sixth over 0.6 Å.
SKIN_A, SKIN_ON_GPU_A = 1.0, 0.6
LARGEST_COORDINATE_A = 1e6  # a cell beyond it has blown up; rounding would begin to move its atoms
LARGEST_DIFFERENCE = 1e-4  # between a compiled model and mace, of the largest force
SMALL_FORCE_eV_A = 0.1  # where the largest force is smaller, as in a cell of one atom
RATTLE_A = 0.05  # displacements of the cell on which they are compared, so that symmetry leaves forces

log = logging.getLogger(__name__)


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
    check_model_file(path)
    try:
        model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # a pickle of something else raises anything
        raise DamagedProductError(path, error) from error
    if not hasattr(model, "r_max"):
        raise SaltflowError(f"{path} is no MACE model but a {type(model).__name__}; give the file of a whole model.")
    torch.set_float32_matmul_precision("highest")  # not TF32, in which forces have three digits
    # Both at once: e3nn loads its compiled parts onto the CPU, whatever map_location says.
    model = model.to(device=device, dtype=getattr(torch, dtype))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def load_committee(
    paths: Sequence[str | Path],
    *,
    sha256: Sequence[str],
    device: str,
    dtype: str,
    dispersion: str = NONE,
    for_long_runs: bool = False,
) -> "Committee":
    """Load the models of a committee, each pinned by its hash; arguments as in `load_model` and `Committee`.

    Raises:
        SaltflowError: a model has several heads; or as in `load_model`.
    """
    models = [
        load_model(path, sha256=pinned, device=device, dtype=dtype) for path, pinned in zip(paths, sha256, strict=True)
    ]
    for path, model in zip(paths, models, strict=True):
        if len(heads := getattr(model, "heads", ())) > 1:
            raise SaltflowError(
                f"The model {path} has the heads {', '.join(heads)}; write one into its own file (mace_select_head "
                "--head_name …) and pin that in potentials.tsv."
            )
    return Committee(models, device=device, dtype=dtype, dispersion=dispersion, for_long_runs=for_long_runs)


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
    pinned, dtype = record["sha256"], dynamics["dtype"]
    return load_committee(
        [model], sha256=[pinned], device=device, dtype=dtype, dispersion=dispersion, for_long_runs=True
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

    Models that can be compiled are (`saltflow.potentials.compilers`). At the first evaluation they are compared with
    mace on one cell; where they differ, mace goes on.

    Args:
        models: loaded by `load_model`; the force_std of a single model is zero.
        device: where they live.
        dtype: their precision.
        dispersion: added to every model, such as "D3(BJ) of PBE", or none.
        compiled: whether they may be compiled.
        for_long_runs: whether minutes of compilation pay.
    """

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        *,
        device: str,
        dtype: str,
        dispersion: str = NONE,
        compiled: bool = True,
        for_long_runs: bool = False,
    ):
        self.models = list(models)
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        functional = functional_of(dispersion)
        self.dispersion = functional and Dispersion(functional, device=self.device, dtype=self.dtype)
        self.table = AtomicNumberTable([int(number) for number in self.models[0].atomic_numbers])
        self.cutoff_A = max(float(model.r_max) for model in self.models)
        self.compiler = fastest(models, device=device, for_long_runs=for_long_runs) if compiled else None
        # Compiled models; empty where mace evaluates, None before they are compared.
        self.compiled: list[CompiledMACE | SymmetrixMACE] | None = None if self.compiler else []
        self.evaluated_by = self.compiler.name if self.compiler else "mace"

    def lacks(self, symbols: Iterable[str]) -> list[str]:
        """Those elements that the models do not know, sorted."""
        return sorted(set(symbols) - {chemical_symbols[number] for number in self.table.zs})

    def check_elements(self, numbers: np.ndarray, *, composition: str) -> None:
        """Refuse a cell with elements that the models do not know.

        Raises:
            SaltflowError: naming the composition and the elements.
        """
        if unknown := self.lacks(chemical_symbols[number] for number in set(numbers.tolist())):
            raise SaltflowError(
                f"{composition}: the potential does not know {', '.join(unknown)}; add a composition with it to the "
                "potential's row."
            )

    def on(self, numbers: np.ndarray, system: np.ndarray) -> "BatchedPotential":
        """Bind the committee to a fixed set of atoms.

        Args:
            numbers: (atoms,) atomic numbers.
            system: (atoms,) non-decreasing index of the cell of each atom.
        """
        return BatchedPotential(self, numbers, system)

    def compile(self, numbers: np.ndarray, positions: torch.Tensor, cell: torch.Tensor) -> None:
        """Compile the models and compare their forces with those of mace.

        Args:
            numbers: (atoms,). positions: (atoms, 3) Å. cell: (3, 3) Å. Where mace has no forces there, nothing is done.
        """
        compiled, dtype = [], str(self.dtype).removeprefix("torch.")
        random = torch.Generator().manual_seed(0)
        rattle = RATTLE_A * torch.randn(positions.shape, generator=random, dtype=positions.dtype)
        positions = positions + rattle.to(positions.device)
        for model in self.models:
            alone = Committee([model], device=self.device.type, dtype=dtype, compiled=False)
            bound = alone.on(numbers, np.zeros(len(numbers), dtype=int))
            expected = bound.evaluate(positions, cell[None]).forces
            if not bool(expected.isfinite().all()):
                return
            try:
                alone.compiled = [self.compiler.compile(model, dtype=dtype)]
            except SaltflowError as error:
                self._fall_back(f"{self.compiler.name} cannot take the model ({error})")
                return
            difference = float((bound.evaluate(positions, cell[None]).forces - expected).abs().max())
            if not difference <= LARGEST_DIFFERENCE * max(SMALL_FORCE_eV_A, float(expected.abs().max())):
                self._fall_back(f"{self.compiler.name} differ by {difference:.1e} eV/Å")
                return
            compiled += alone.compiled
        self.compiled = compiled

    def _fall_back(self, reason: str) -> None:
        """Leave the models to mace; for the records, why."""
        self.compiled, self.evaluated_by = [], f"mace, as {reason}"
        log.warning("mace evaluates the forces, as %s", reason)

    def on_frame(self, frame: Atoms) -> tuple["BatchedPotential", torch.Tensor, torch.Tensor]:
        """The committee bound to one frame, and the arguments of `evaluate`: positions (atoms, 3), cells (1, 3, 3)."""
        numbers, system, positions, boxes = stack([frame])
        where = (torch.as_tensor(array, device=self.device) for array in (positions, boxes))
        return self.on(numbers, system), *where


class BatchedPotential:
    """A committee bound to the atoms of a batch; keeps a neighbour list with a skin, renewed cell by cell."""

    def __init__(self, committee: Committee, numbers: np.ndarray, system: np.ndarray):
        self.committee = committee
        device, dtype = committee.device, committee.dtype
        self.numbers = np.asarray(numbers, dtype=np.int32)
        self.systems = int(system.max()) + 1
        self.bounds = np.searchsorted(system, np.arange(self.systems + 1)).tolist()
        self.system = torch.as_tensor(system, dtype=torch.long, device=device)
        self._elements = np.array([committee.table.z_to_index(int(number)) for number in numbers], dtype=np.int64)
        one_hot = np.eye(len(committee.table))[self._elements]
        self._graph = {
            "node_attrs": torch.as_tensor(one_hot, dtype=dtype, device=device),
            "batch": self.system,
            "ptr": torch.as_tensor(self.bounds, dtype=torch.long, device=device),
            "head": torch.zeros(self.systems, dtype=torch.long, device=device),
            "pbc": torch.ones((self.systems, 3), dtype=torch.bool, device=device),
        }
        skin_A = SKIN_A if device.type == "cpu" else SKIN_ON_GPU_A
        reach = {"cutoff_A": committee.cutoff_A, "skin_A": skin_A}
        self.pairs = KeptPairs(self.system, self.bounds, **reach, each_once=False)
        self._neighbours: dict[int, tuple[Pairs, Neighbours]] = {}  # for compiled loops
        self._streamed_graph: tuple[torch.Tensor, tuple] | None = None  # for symmetrix-xl
        self.dispersion = committee.dispersion and committee.dispersion.on(numbers, self.system, self.bounds)
        self._lists = [self.pairs, *([self.dispersion.pairs] if self.dispersion else [])]
        self._unit_cell = torch.eye(3, dtype=torch.float64, device=device)

    @property
    def listed_at(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions and cells at which the lists were made, NaN for cells that have none.

        Lists made there again are the same to the last bit, so that a resumed run equals an uninterrupted one.
        """
        return self.pairs.listed_at

    def evaluate(
        self, positions: torch.Tensor, cells: torch.Tensor, *, all_models: bool = False, isolate: bool = True
    ) -> Evaluation:
        """Energies, forces and stresses.

        Args:
            positions: (atoms, 3) Å, wrapped or not.
            cells: (systems, 3, 3) Å, rows are lattice vectors.
            all_models: evaluate every model, for means and force_std; else only the first.
            isolate: as in `BoundPotential`.

        Returns:
            the numbers of every cell. Those of a cell that has blown up (coordinates not finite or too large, no
            volume, atoms on top of each other) are NaN; the other cells are not affected.
        """
        active = self._active(positions, cells)
        if self.committee.compiled is None and bool(active.any()):
            first = int(active.nonzero()[0])
            atoms = slice(*self.bounds[first : first + 2])
            self.committee.compile(self.numbers[atoms], positions[atoms], cells[first])
        evaluation = self._evaluate_active(positions, cells, active, all_models=all_models)
        if not isolate or bool((self._finite(evaluation) | ~active).all()):
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
        positions, cells = self._listed(positions, cells, active)
        models = slice(None) if all_models else slice(1)
        if self.committee.compiled:
            outputs = [self._compiled(model, positions, cells) for model in self.committee.compiled[models]]
        else:
            graph = self._graph_at(positions, cells)
            outputs = [self._by_mace(model, graph) for model in self.committee.models[models]]
        energies, forces, stresses = (torch.stack(parts) for parts in zip(*outputs, strict=True))
        if self.dispersion:  # the same for all models: force_std stays
            added = self.dispersion.evaluate(positions, cells)
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
        graph = self._graph_at(*self._listed(positions, cells, self._active(positions, cells)))
        model = self.committee.models[0]
        return _run(model, graph, forces=False)["node_feats"].detach().double()[:, _scalars(model)]

    def _active(self, positions: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """(systems,) which cells have usable coordinates and a volume."""
        unusable = ~(positions.abs() < LARGEST_COORDINATE_A).all(-1)  # NaN compares false
        unusable_atoms = torch.zeros(self.systems, dtype=positions.dtype, device=positions.device)
        unusable_atoms.index_add_(0, self.system, unusable.to(positions.dtype))
        box = (cells.abs() < LARGEST_COORDINATE_A).all(-1).all(-1) & (determinant(cells).abs() > 0)
        return (unusable_atoms == 0) & box

    def _listed(
        self, positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Usable positions and cells, for which neighbours are listed."""
        positions = torch.where(active[self.system, None], positions, 0.0)
        cells = torch.where(active[:, None, None], cells, self._unit_cell)
        renew_lists(self._lists, positions, cells, active)
        return positions, cells

    def _compiled(
        self, model: CompiledMACE | SymmetrixMACE, positions: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What `_by_mace` gives, by a compiled model."""
        by = self._streamed if isinstance(model, SymmetrixMACE) else self._looped
        return by(model, positions, cells)

    def _streamed(
        self, model: SymmetrixMACE, positions: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """By symmetrix-xl, all cells as one graph; NaN for all where two atoms are on top of each other."""
        pairs = self.pairs
        vectors = pairs.vectors(positions, cells)
        energies, forces, virials = self._isolated_eV(), torch.zeros_like(positions), torch.zeros_like(cells)
        if bool((vectors.square().sum(-1) == 0).any()):
            return energies * torch.nan, forces * torch.nan, virials * torch.nan
        if self._streamed_graph is None or self._streamed_graph[0] is not pairs.first:
            self._streamed_graph = pairs.first, model.graph(self._elements, pairs.first, pairs.second)
        of_atoms, pulls = model.evaluate(self._streamed_graph[1], vectors)
        energies.index_add_(0, self.system, of_atoms)
        forces.index_add_(0, pairs.second, pulls).index_add_(0, pairs.first, -pulls)
        virials.index_add_(0, pairs.owner, -pulls[:, :, None] * vectors[:, None, :])
        return energies, forces, virials / determinant(cells).abs()[:, None, None]

    def _isolated_eV(self) -> torch.Tensor:
        """(systems,) sum of the energies of isolated atoms, of the first model."""
        of_elements = self.committee.models[0].atomic_energies_fn.atomic_energies.flatten().double()
        energies = torch.zeros(self.systems, dtype=torch.float64, device=self.system.device)
        return energies.index_add_(0, self.system, of_elements[self._elements])

    def _looped(
        self, model: CompiledMACE, positions: torch.Tensor, cells: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """By loops, cell by cell."""
        energies, forces = torch.zeros(self.systems, dtype=torch.float64), torch.zeros_like(positions)
        stresses = torch.zeros_like(cells)
        for index, pairs in enumerate(self.pairs.of_cells):
            atoms = slice(self.bounds[index], self.bounds[index + 1])
            energies[index], own, virial = model.evaluate(
                self._elements[atoms], positions[atoms].numpy(), cells[index].numpy(), self._neighbours_of(index, pairs)
            )
            forces[atoms] = torch.from_numpy(own)
            stresses[index] = torch.from_numpy(virial)
        return energies, forces, stresses / determinant(cells).abs()[:, None, None]

    def _neighbours_of(self, index: int, pairs: Pairs) -> Neighbours:
        """The pairs of one cell as compiled loops take them."""
        known, neighbours = self._neighbours.get(index, (None, None))
        if known is not pairs:
            first, last = self.bounds[index : index + 2]
            begins = np.searchsorted(pairs.first.numpy(), np.arange(first, last + 1))
            neighbours = Neighbours(begins, pairs.second.numpy() - first, pairs.shifts.numpy())
            self._neighbours[index] = pairs, neighbours
        return neighbours

    def _graph_at(self, positions: torch.Tensor, cells: torch.Tensor) -> dict[str, torch.Tensor]:
        """The pairs within the cutoff; atoms are in their cells, where single precision is precise."""
        dtype, pairs = self.committee.dtype, self.pairs
        near, _ = pairs.within(positions, cells)
        edges = torch.stack([pairs.first.index_select(0, near), pairs.second.index_select(0, near)])
        unit_shifts = pairs.shifts.index_select(0, near) + pairs.image[edges[1]] - pairs.image[edges[0]]
        home = positions - (pairs.image[:, None] @ cells[self.system])[:, 0]
        shifts = (unit_shifts[:, None] @ cells[self.system[edges[0]]])[:, 0]
        return self._graph | {
            "positions": home.to(dtype),
            "cell": cells.reshape(-1, 3).to(dtype),
            "edge_index": edges,
            "unit_shifts": unit_shifts.to(dtype),
            "shifts": shifts.to(dtype),
        }

    def _by_mace(
        self, model: torch.nn.Module, graph: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Energies, forces and stresses. Energies of atoms are summed in double precision.

        MACE adds energies of isolated atoms in double precision too. Its sum over a cell is in the precision of the
        model: 0.03 eV at −3.5·10⁵ eV.
        """
        found = _run(model, graph)
        of_atoms = found["node_energy"].detach().double()
        energies = torch.zeros(self.systems, dtype=torch.float64, device=of_atoms.device)
        energies.index_add_(0, self.system, of_atoms)
        return energies, found["forces"].detach().double(), found["stress"].detach().double()

    def list_neighbours(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Make the lists at positions and cells of `listed_at`."""
        listed = torch.isfinite(cells).all(-1).all(-1).tolist()
        self.pairs.list_cells(positions, cells, [index for index, is_listed in enumerate(listed) if is_listed])


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
