"""What a frame says of itself: every key that saltflow writes beside atoms and cell, declared once.

Frames are `ase.Atoms` and travel between rules as extended XYZ. A key stands in the comment line of a frame
(`Atoms.info`) or, with one value per atom, in a column (`Atoms.arrays`). Nothing else in saltflow names a key.

    FrameInfo.of(frame).lineage             reads; a SaltflowError where the frame lacks it
    FrameInfo.partial(frame).lineage        reads; None where the frame lacks it
    FrameInfo.of(frame).set(split="train")  writes
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError

# How a frame came about: the first word of its `origin`.
RATTLED, REPULSION, MELT, EXPLORATION, IMPORTED = "rattled", "repulsion", "melt", "exploration", "imported"

Value = TypeVar("Value")
_SOURCE = "_saltflow_source"


def _tensor(value: object) -> np.ndarray:
    """(3, 3) of nine numbers, or of six in Voigt's order."""
    numbers = np.array(value, float).ravel()
    if len(numbers) == 6:
        xx, yy, zz, yz, xz, xy = numbers
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return numbers.reshape(3, 3)


def _vectors(value: object) -> np.ndarray:
    return np.array(value, float).reshape(-1, 3)


class Key(Generic[Value]):
    """One key of a frame, an attribute of `FrameInfo`.

    Args:
        convert: makes the value of what a file holds.
        meaning: what the value is, with its unit.
        written_by, read_by: folders or modules of the library.
        on_disk: its name in a file, where that is not the name of the attribute.
        optional: a frame without it is complete; the attribute then reads as None.
        per_atom: one value per atom.
    """

    def __init__(
        self,
        convert: Callable[[object], Value],
        meaning: str,
        *,
        written_by: tuple[str, ...],
        read_by: tuple[str, ...],
        on_disk: str | None = None,
        optional: bool = False,
        per_atom: bool = False,
    ):
        self.convert, self.meaning, self.written_by, self.read_by = convert, meaning, written_by, read_by
        self.on_disk, self.optional, self.per_atom = on_disk, optional, per_atom

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.on_disk = name, self.on_disk or name

    def __get__(self, view: "FrameInfo | None", owner: type | None = None) -> "Value | Key | None":
        return self if view is None else view.read(self)

    def __set__(self, view: "FrameInfo", value: Value | None) -> None:
        view.set(**{self.name: value})


class FrameInfo:
    """A view of a frame: each key is an attribute; see `Key`."""

    # ── which frame it is ──────────────────────────────────────────────────────────────────────
    composition = Key(
        str,
        "id of its composition",
        written_by=("materials.cells", "learning.sampling", "labels.dataset.importing"),
        read_by=("materials.cells", "labels", "learning"),
    )
    lineage = Key(
        str,
        "packed cell that it descends from, or block of an imported file; a lineage is never split between sets",
        written_by=("learning.sampling", "labels.dataset.importing"),
        read_by=("labels", "learning"),
    )
    split = Key(
        str,
        "train or heldout: whether its lineage may be trained on",
        written_by=("learning.sampling", "labels.dataset.importing"),
        read_by=("labels.dataset.splits", "learning"),
    )
    origin = Key(
        str,
        "how it came about: rattled, repulsion:Li-Cl, melt:600K, exploration:600K, imported:file.extxyz",
        written_by=("learning.sampling", "labels.dataset.importing"),
        read_by=("labels.dataset.card", "learning"),
    )
    generation = Key(
        int,
        "generation that proposed it; none for imported frames",
        written_by=("learning.sampling",),
        read_by=("labels",),
        optional=True,
    )

    # ── starting cells and quenched replicas ───────────────────────────────────────────────────
    formula_units = Key(int, "formula units in the cell", written_by=("materials.cells",), read_by=("dynamics.runs",))
    seed = Key(int, "random seed of the packing", written_by=("materials.cells",), read_by=())
    start_density_g_cm3 = Key(
        float, "density of the starting cell in g/cm³", written_by=("materials.cells",), read_by=("dynamics.runs",)
    )
    status = Key(
        str,
        "of a quenched replica: ok, or the acceptance criteria that it failed",
        written_by=("dynamics",),
        read_by=("dynamics", "learning.domain"),
    )
    unit = Key(
        lambda values: np.array(values, int),
        "number of the polyanion that an atom belongs to, −1 for a single ion",
        written_by=("materials.cells", "dynamics.runs"),
        read_by=("materials.cells", "dynamics.runs"),
        optional=True,
        per_atom=True,
    )

    # ── molecular dynamics that a committee or the reference ran ──────────────────────────────
    temperature_K = Key(
        float,
        "target temperature in K; none where nothing was heated",
        written_by=("learning.sampling.driving", "labels.dataset.importing"),
        read_by=("learning",),
        optional=True,
    )
    time_ps = Key(
        float,
        "time of the heating in ps, not positive in the relaxation before it; none for the last frame before a crash",
        written_by=("learning.sampling.driving",),
        read_by=("learning",),
        optional=True,
    )
    run_status = Key(
        str,
        "last frame of a run: ok, or the stop criterion that ended it",
        written_by=("learning.sampling.driving",),
        read_by=("learning.stability",),
        optional=True,
    )
    run_end_ps = Key(
        float,
        "last frame of a run: time of the heating at which the run ended, in ps",
        written_by=("learning.sampling.driving",),
        read_by=("learning.stability",),
        optional=True,
    )
    requested_ps = Key(
        float,
        "last frame of a run: requested length of the heating in ps",
        written_by=("learning.sampling.driving",),
        read_by=("learning.stability",),
        optional=True,
    )
    close_contact = Key(
        bool,
        "whether two atoms are closer than the acceptance criterion allows; none where it was not checked",
        written_by=("learning.sampling.exploration",),
        read_by=("learning",),
        optional=True,
    )

    # ── selection ──────────────────────────────────────────────────────────────────────────────
    force_std_eV_A = Key(
        float,
        "committee disagreement: largest standard deviation of the force on an atom, in eV/Å, not calibrated",
        written_by=("learning.sampling.driving",),
        read_by=("learning.selection",),
    )
    force_uncertainty_eV_A = Key(
        float,
        "calibrated uncertainty of the least certain force, in eV/Å",
        written_by=("learning.selection",),
        read_by=("learning",),
    )
    selected_by = Key(
        str,
        "uncertainty, random or heldout: what selected it for labelling; none in generation 0",
        written_by=("learning.selection",),
        read_by=("labels.dataset.card", "learning"),
        optional=True,
    )

    # ── labels ─────────────────────────────────────────────────────────────────────────────────
    reference_energy_eV = Key(
        float,
        "energy of the cell by the reference in eV",
        on_disk="REF_energy",
        written_by=("labels", "learning.pseudolabels"),
        read_by=("labels", "learning"),
    )
    reference_stress_eV_A3 = Key(
        _tensor,
        "stress by the reference in eV/Å³, (3, 3), ASE's sign",
        on_disk="REF_stress",
        written_by=("labels", "learning.pseudolabels"),
        read_by=("labels", "learning"),
    )
    reference_forces_eV_A = Key(
        _vectors,
        "forces by the reference in eV/Å, (atoms, 3)",
        on_disk="REF_forces",
        written_by=("labels", "learning.pseudolabels"),
        read_by=("labels", "learning"),
        per_atom=True,
    )
    reference = Key(
        str,
        "name of the reference in the settings",
        written_by=("labels",),
        read_by=("labels.dataset",),
    )
    reference_digest = Key(
        str,
        "digest of the settings of the reference",
        written_by=("labels",),
        read_by=("labels",),
    )
    reference_code = Key(
        str,
        "code of the reference with its version",
        written_by=("labels",),
        read_by=("labels.dataset",),
    )
    dispersion = Key(
        str,
        "dispersion correction in the label, or none",
        written_by=("labels",),
        read_by=("labels.dataset",),
    )
    potcars = Key(
        str,
        "title and hash of each POTCAR, joined by '; '",
        written_by=("labels",),
        read_by=("labels.dataset",),
        optional=True,
    )

    # ── training ───────────────────────────────────────────────────────────────────────────────
    config_weight = Key(
        float, "weight in the loss, read by mace", written_by=("learning.recipes",), read_by=(), optional=True
    )
    structure_number = Key(
        int,
        "place in the file of structures to replay, from 1",
        written_by=("learning.pseudolabels",),
        read_by=("learning.pseudolabels",),
    )

    __slots__ = ("_partial", "frame")

    def __init__(self, frame: Atoms, *, partial: bool = False):
        self.frame, self._partial = frame, partial

    @classmethod
    def of(cls, frame: Atoms) -> "FrameInfo":
        """The view of a frame of saltflow; a key that it lacks is an error, unless it is optional."""
        return cls(frame)

    @classmethod
    def partial(cls, frame: Atoms) -> "FrameInfo":
        """The view of a frame from anywhere; a key that it lacks reads as None."""
        return cls(frame, partial=True)

    def read(self, key: Key[Value]) -> Value | None:
        """The value of a key.

        Raises:
            SaltflowError: the frame lacks it.
        """
        where = self._where(key)
        if key.on_disk in where:
            return key.convert(where[key.on_disk])
        if self._partial or key.optional:
            return None
        raise SaltflowError(
            f"{_described(self.frame)} has no {key.on_disk} ({key.meaning}); make its file again with this version of "
            "saltflow, or bring frames of other programs in with `saltflow dataset import`."
        )

    def set(self, **values: object) -> Atoms:
        """Write values by the names of their keys; None removes a key. Returns the frame.

        Raises:
            TypeError: a name is not declared.
        """
        for name, value in values.items():
            key = KEYS.get(name)
            if key is None:
                raise TypeError(f"FrameInfo declares no key '{name}'")
            if value is None:
                self._where(key).pop(key.on_disk, None)
            else:
                self._where(key)[key.on_disk] = key.convert(value)
        return self.frame

    def replace(self, **values: object) -> Atoms:
        """Drop everything in `Atoms.info` and write these values. Returns the frame."""
        self.frame.info = {}
        return self.set(**values)

    def copy(self, other: Atoms | Mapping[str, object], **changes: object) -> Atoms:
        """Take over `Atoms.info` of another frame, or such a mapping, with changes. Returns the frame."""
        self.frame.info = dict(other.info if isinstance(other, Atoms) else other)
        return self.set(**changes)

    def as_dict(self) -> dict[str, object]:
        """`Atoms.info`, names as on disk."""
        return dict(self.frame.info)

    def _where(self, key: Key) -> dict:
        return self.frame.arrays if key.per_atom else self.frame.info


KEYS: Mapping[str, Key] = {name: key for name, key in vars(FrameInfo).items() if isinstance(key, Key)}


def remember_source(frame: Atoms, source: str) -> None:
    """Note where a frame was read, for messages; copies of the frame forget it."""
    setattr(frame, _SOURCE, source)


def _described(frame: Atoms) -> str:
    known = FrameInfo.partial(frame)
    words = ["The frame", frame.get_chemical_formula(), *(f"({name})" for name in [known.lineage] if name)]
    source = getattr(frame, _SOURCE, None)
    return " ".join([*words, f"in {source}"] if source else words)
