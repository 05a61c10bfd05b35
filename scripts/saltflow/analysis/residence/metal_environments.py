"""Environment classes of centres by the number of ligands of each kind, such as X3O1 (X: any halide)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.residence.contacts import FractionalChunk, squared_A2
from saltflow.analysis.residence.names import ALL, OTHER
from saltflow.analysis.structure.roles import HALIDES


@dataclass(frozen=True)
class Ligands:
    """Ligands of a kind of centre.

    Args:
        centres: their atoms.
        kinds: X for halides, else the element; in the order of the class names.
        atoms: of each element, one array per element.
        cutoffs_A: a ligand closer than this belongs to the centre, one per element.
        kind_of: index in `kinds` of each element.
    """

    centres: np.ndarray
    kinds: tuple[str, ...]
    atoms: tuple[np.ndarray, ...]
    cutoffs_A: tuple[float, ...]
    kind_of: tuple[int, ...]

    def counts(self, chunk: FractionalChunk, row: int) -> np.ndarray:
        """Ligands of each kind around each centre in one frame of a chunk, (centres, kinds)."""
        wrapped, cell_A = chunk.wrapped[:, row], chunk.cells_A[row]
        counts = np.zeros((len(self.centres), len(self.kinds)), dtype=int)
        for atoms, cutoff_A, kind in zip(self.atoms, self.cutoffs_A, self.kind_of, strict=True):
            apart = wrapped[:, self.centres, None] - wrapped[:, None, atoms]
            counts[:, kind] += (squared_A2(apart, cell_A) < cutoff_A**2).sum(axis=1)
        return counts


@dataclass(frozen=True)
class Environments:
    """The classes of a kind of centre; rare ones share the class `other`.

    Args:
        ligands: of the centres; None for a single class.
        names: of the classes.
        codes: ligand counts → index in `names`.
    """

    ligands: Ligands | None
    names: tuple[str, ...]
    codes: Mapping[tuple[int, ...], int]

    def labels(self, chunk: FractionalChunk, row: int, *, n_centres: int) -> np.ndarray:
        """Class of each centre in one frame of a chunk, (centres,)."""
        if self.ligands is None:
            return np.zeros(n_centres, dtype=int)
        rest = len(self.names) - 1
        return np.array([self.codes.get(tuple(counts), rest) for counts in self.ligands.counts(chunk, row).tolist()])


UNDIVIDED = Environments(None, (ALL,), {})


def find_ligands(
    symbols: Sequence[str], centre: str, *, anions: Sequence[str], cutoffs_A: Mapping[str, float | None]
) -> Ligands:
    """Ligands of the atoms of one element.

    Args:
        symbols: element of each atom.
        centre: the element.
        anions: elements that may be ligands.
        cutoffs_A: "centre-anion" → first minimum of g(r); None where there is none, so that no such ligand is counted.
    """
    found = [each for each in anions if cutoffs_A.get(f"{centre}-{each}")]
    letters = {each: "X" if each in HALIDES else each for each in found}
    kinds = tuple(sorted(set(letters.values()), key=lambda letter: (letter != "X", letter)))
    elements = np.array(symbols)
    return Ligands(
        centres=np.flatnonzero(elements == centre),
        kinds=kinds,
        atoms=tuple(np.flatnonzero(elements == each) for each in found),
        cutoffs_A=tuple(float(cutoffs_A[f"{centre}-{each}"]) for each in found),
        kind_of=tuple(kinds.index(letters[each]) for each in found),
    )


def find_environments(samples: Sequence[tuple[Ligands, FractionalChunk]], *, smallest_fraction: float) -> Environments:
    """The classes that are common in sampled frames.

    Args:
        samples: ligands, and a chunk whose first frame is classified.
        smallest_fraction: classes with a smaller fraction of the centres are merged into `OTHER`.
    """
    numbers: Counter[tuple[int, ...]] = Counter()
    for ligands, chunk in samples:
        numbers.update(map(tuple, ligands.counts(chunk, 0).tolist()))
    common = [counts for counts, number in numbers.most_common() if number >= smallest_fraction * numbers.total()]
    common.sort(key=lambda counts: (sum(counts), counts), reverse=True)
    first, _ = samples[0]
    names = [_name(first.kinds, counts) for counts in common]
    return Environments(first, (*names, OTHER), {counts: index for index, counts in enumerate(common)})


def _name(kinds: Sequence[str], counts: Sequence[int]) -> str:
    return "".join(f"{kind}{count}" for kind, count in zip(kinds, counts, strict=True) if count) or "bare"
