"""Which units a trajectory has, when each first appears, how long it lives, and what reacts to what."""

from collections import Counter
from collections.abc import Collection

import numpy as np

from saltflow.analysis.species.bond_intervals import bond_intervals
from saltflow.analysis.species.unit_history import Event, UnitHistory, unit_history
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.memory import TrajectoryReader

# Alkali, alkaline-earth and coinage ions make no molecules.
IONS = frozenset({"Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Ag", "Cu"})
MOST_LISTED = 200  # reactions of the record; events.csv has every event


def bonded_elements(symbols: Collection[str]) -> list[str]:
    """Elements that units are made of, unless others are named: all but those that are ions by themselves.

    Raises:
        SaltflowError: there are only ions.
    """
    found = sorted(set(symbols) - IONS)
    if not found:
        raise SaltflowError(f"The atoms are {', '.join(sorted(set(symbols)))}: name those of units with --elements.")
    return found


def history_of(
    run: TrajectoryReader, elements: Collection[str], *, least_ps: float, made: float, broken: float
) -> UnitHistory:
    """Units and events of one trajectory.

    Args:
        run: the trajectory, at even intervals.
        elements: of units.
        least_ps: a change that does not last so long is none.
        made, broken: as of `bond_intervals`.

    Raises:
        SaltflowError: as of `bond_intervals`.
    """
    interval_ps = float(np.median(np.diff(run.times_ps)))
    least_frames = max(1, int(np.ceil(least_ps / interval_ps - 1e-9)))
    bonds = bond_intervals(run, elements, least_frames=least_frames, made=made, broken=broken)
    atoms = np.flatnonzero(np.isin(run.symbols, list(elements))).tolist()
    return unit_history(bonds, atoms, run.symbols, frames=run.n_frames)


def summarise(history: UnitHistory, times_ps: np.ndarray) -> dict:
    """Units and reactions of one trajectory, JSON-able.

    The mean lifetime is the time that all units of a formula were watched over the number that went, with the error of
    a Poisson count (units that outlive the run are watched, and do not go).
    """
    interval_ps = float(np.median(np.diff(times_ps)))
    units = [_unit(history, formula, spans, times_ps, interval_ps) for formula, spans in history.spans.items()]
    units.sort(key=lambda row: (-row["mean_number"], row["formula"]))
    reactions = Counter((event.reactants, event.products) for event in history.events)
    return {
        "frames": history.frames,
        "interval_ps": interval_ps,
        "events": len(history.events),
        "units": units,
        "reactions": [
            {"reaction": reaction(*sides), "events": number} for sides, number in reactions.most_common(MOST_LISTED)
        ],
    }


def reaction(reactants: tuple[str, ...], products: tuple[str, ...]) -> str:
    """Such as "CO2 + S → CO2S" or "2 O → O2"."""
    return " → ".join(
        " + ".join(f"{number} {formula}" if number > 1 else formula for formula, number in Counter(side).items())
        for side in (reactants, products)
    )


def event_rows(history: UnitHistory, run: TrajectoryReader) -> list[dict[str, object]]:
    """Rows of events.csv: time, reactants, products, place of the middle (Å and along the cell), atoms."""
    return [_event_row(event, run) for event in history.events]


def _event_row(event: Event, run: TrajectoryReader) -> dict[str, object]:
    atoms = np.array(event.atoms)
    positions_A = run.read_positions_A(slice(event.frame, event.frame + 1), slice(0, len(run.symbols)))[0][atoms]
    cell_A = np.asarray(run.cells_A[event.frame], dtype=float)
    fractional = positions_A @ np.linalg.inv(cell_A)
    fractional -= np.rint(fractional - fractional[0])  # to the images next to the first atom
    middle = fractional.mean(axis=0) % 1.0
    place = dict(zip(("x_A", "y_A", "z_A"), (f"{each:.3f}" for each in middle @ cell_A), strict=True))
    return {
        "time_ps": f"{run.times_ps[event.frame]:.6g}",
        "reaction": reaction(event.reactants, event.products),
        **place,
        "along_c": f"{middle[2]:.4f}",
        "atoms": " ".join(map(str, event.atoms)),
    }


def _unit(
    history: UnitHistory, formula: str, spans: list[tuple[int, int]], times_ps: np.ndarray, interval_ps: float
) -> dict:
    numbers = history.counts_of(formula)
    first = int(np.flatnonzero(numbers)[0]) if numbers.any() else min(begin for begin, _ in spans)
    gone = sum(end < history.frames for _, end in spans)
    watched_ps = interval_ps * sum(end - begin for begin, end in spans)
    return {
        "formula": formula,
        "first_ps": float(times_ps[first]),
        "at_first": int(numbers[0]),
        "at_last": int(numbers[-1]),
        "most": int(numbers.max()),
        "mean_number": float(numbers.mean()),
        "lifetime_ps": watched_ps / gone if gone else None,
        "lifetime_error_ps": watched_ps / gone**1.5 if gone else None,
        "gone": gone,
    }
