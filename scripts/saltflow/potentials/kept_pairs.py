"""Pairs of a batch of cells that are listed with a skin and kept while atoms move, cell by cell."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise

import torch

from saltflow.potentials.matrices_3x3 import inverse
from saltflow.potentials.neighbour_list import Pairs, list_pairs, list_pairs_on_cpu, places_of, stale_cells


class KeptPairs:
    """Pairs of atoms within a cutoff and a skin. Only the cells whose list may miss a pair are listed again.

    Args:
        system: (atoms,) non-decreasing index of the cell of each atom, on the device.
        bounds: (systems + 1,) first atom of each cell, and the end.
        cutoff_A, skin_A: pairs within their sum are listed.
        each_once: a pair only once, with first ≤ second; else both ways.

    Attributes:
        listed_at: positions (atoms, 3) and cells (systems, 3, 3) where each cell was listed; NaN where it has no list.
        image: (atoms, 3) lattice vectors that took the atoms out of their cell then.
        of_cells: pairs of each cell. first, second, shifts, owner: of all, with the index of their cell.
    """

    def __init__(self, system: torch.Tensor, bounds: Sequence[int], *, cutoff_A: float, skin_A: float, each_once: bool):
        self.system, self.bounds, self.systems = system, list(bounds), len(bounds) - 1
        self.cutoff_A, self.skin_A, self.on_cpu = cutoff_A, skin_A, system.device.type == "cpu"
        self._list = list_pairs_on_cpu if self.on_cpu and not each_once else partial(list_pairs, each_once=each_once)
        nowhere = torch.full((len(system), 3), torch.nan, dtype=torch.float64, device=system.device)
        unknown = torch.full((self.systems, 3, 3), torch.nan, dtype=torch.float64, device=system.device)
        self.listed_at, self.image = (nowhere, unknown), torch.zeros_like(nowhere)
        self._put({index: _none(system.device) for index in range(self.systems)})

    def survey(self, positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
        """What `renew` must be told: (systems,) which lists are stale; off the CPU also the pairs within the cutoff.

        Args:
            positions, cells: of usable numbers. active: (systems,) which cells are evaluated.
        """
        stale = stale_cells(self.listed_at, positions, cells, self.system, cutoff_A=self.cutoff_A, skin_A=self.skin_A)
        wanted = (stale & active).double()
        if self.on_cpu:
            return wanted
        self._measure(positions, cells)
        return torch.cat([wanted, self._near.sum(dtype=torch.float64)[None]])

    def renew(
        self, positions: torch.Tensor, cells: torch.Tensor, *, told: Sequence[float], active: Sequence[float]
    ) -> bool:
        """List stale cells, drop the lists of cells that are not active; whether there were any.

        Args:
            positions, cells: as in `survey`. told: its answer. active: (systems,).
        """
        stale, self._count = told[: self.systems], int(told[-1])
        listed = [index for index in range(self.systems) if active[index] and stale[index]]
        dropped = [index for index, pairs in enumerate(self.of_cells) if len(pairs.first) and not active[index]]
        if listed or dropped:
            self.list_cells(positions, cells, listed, dropped)
        return bool(listed or dropped)

    def list_cells(
        self, positions: torch.Tensor, cells: torch.Tensor, listed: Sequence[int], dropped: Sequence[int] = ()
    ) -> None:
        """List some cells at positions (atoms, 3) and cells (systems, 3, 3), and drop the lists of others."""
        fractional = (positions[:, None] @ inverse(cells)[self.system])[:, 0]
        image = torch.floor(fractional)
        is_listed, is_dropped = (
            torch.tensor([index in chosen for index in range(self.systems)], device=self.system.device)
            for chosen in (listed, dropped)
        )
        of_atoms = is_listed[self.system, None]
        self.image = torch.where(of_atoms, image, self.image)
        self.listed_at = (
            torch.where(of_atoms, positions, self.listed_at[0]).masked_fill(is_dropped[self.system, None], torch.nan),
            torch.where(is_listed[:, None, None], cells, self.listed_at[1]).masked_fill(
                is_dropped[:, None, None], torch.nan
            ),
        )
        found = {index: _none(self.system.device) for index in dropped}
        if listed:
            atoms = [slice(*self.bounds[index : index + 2]) for index in listed]
            bounds = [0, *accumulate(each.stop - each.start for each in atoms)]
            home = torch.cat([fractional[each] - image[each] for each in atoms])
            made = self._list(home, cells[list(listed)], bounds, cutoff_A=self.cutoff_A + self.skin_A)
            for index, pairs, own, begin in zip(listed, made, atoms, bounds, strict=False):
                first, second = pairs.first + (own.start - begin), pairs.second + (own.start - begin)
                found[index] = Pairs(first, second, pairs.shifts + image[first] - image[second])
        self._put(found)

    def within(self, positions: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places of the pairs within the cutoff, (near,), and their vectors (near, 3), after `renew` had none to list.

        Args:
            positions, cells: as in `survey`.
        """
        if self.on_cpu:
            self._measure(positions, cells)
        places = places_of(self._near, count=self._count)
        return places, self._vectors.index_select(0, places)

    def vectors(self, positions: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """(pairs, 3) from the first to the second atom of every listed pair; arguments as in `survey`."""
        shifts = self.shifts.split([len(pairs.first) for pairs in self.of_cells])
        across = torch.cat([own @ cell for own, cell in zip(shifts, cells, strict=True)])
        return positions[self.second] - positions[self.first] + across

    def _measure(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Vectors of all pairs, and which are within the cutoff."""
        self._vectors = self.vectors(positions, cells)
        self._near = self._vectors.square().sum(-1) < self.cutoff_A**2

    def _put(self, found: dict[int, Pairs]) -> None:
        """Replace the pairs of some cells."""
        if len(found) < self.systems:
            self.of_cells = [found.get(index, pairs) for index, pairs in enumerate(self.of_cells)]
        else:
            self.of_cells = [found[index] for index in range(self.systems)]
        self.first, self.second, self.shifts = (torch.cat(parts) for parts in zip(*self.of_cells, strict=True))
        self.owner = self.system[self.first]


def renew_lists(lists: Sequence[KeptPairs], positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor) -> None:
    """List again what is stale; the host waits for the device once where nothing is.

    Args:
        positions, cells, active: as in `KeptPairs.survey`.
    """
    for _ in range(2):
        surveys = [active.double(), *(each.survey(positions, cells, active) for each in lists)]
        told = torch.cat(surveys).tolist()
        bounds = [0, *accumulate(map(len, surveys))]
        usable, *parts = (told[first:last] for first, last in pairwise(bounds))
        renewed = [
            each.renew(positions, cells, told=part, active=usable) for each, part in zip(lists, parts, strict=True)
        ]
        if not any(renewed):
            return


def _none(device: torch.device) -> Pairs:
    atoms = torch.empty(0, dtype=torch.long, device=device)
    return Pairs(atoms, atoms, torch.empty((0, 3), dtype=torch.float64, device=device))
