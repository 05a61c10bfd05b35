"""Options that both commands of interfaces have, and how they tell what they found."""

from collections.abc import Callable, Mapping

import click

from saltflow.base.errors import InputError


def potential_options(function: Callable) -> Callable:
    """Options of the potential and of relaxations by it."""
    for option in reversed(
        (
            click.option("--potential", "model", required=True, help="File of a MACE model, or such as chgnet-pbe."),
            click.option(
                "--sha256", help="Hash that the model file must have, where no release record lies beside it."
            ),
            click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
            click.option("--force", "force_eV_A", type=float, default=0.05, show_default=True, help="Limit, eV/Å."),
            click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation."),
            click.option("--batch-atoms", type=int, default=5000, show_default=True, help="Most atoms of a batch."),
            click.option(
                "--thickness", "thickness_A", type=float, default=12.0, show_default=True, help="Of slabs, Å."
            ),
            click.option("--vacuum", "vacuum_A", type=float, default=20.0, show_default=True, help="Above them, Å."),
            click.option("--terminations", type=int, default=4, show_default=True, help="Most of a plane."),
        )
    ):
        function = option(function)
    return function


def run_options(function: Callable) -> Callable:
    """Options of the dynamics and of its analysis."""
    for option in reversed(
        (
            click.option("--width", "width_A", type=float, default=10.0, show_default=True, help="Least width, Å."),
            click.option(
                "--temperature",
                "temperatures_K",
                type=float,
                multiple=True,
                default=(300.0,),
                show_default=True,
                help="In K; repeatable.",
            ),
            click.option("--ramp", "ramp_K", type=float, default=0.0, help="Rise of it over the run, in K."),
            click.option("--duration", "duration_ps", type=float, default=10.0, show_default=True, help="In ps."),
            click.option(
                "--interval", "interval_fs", type=float, default=10.0, show_default=True, help="Of frames, fs."
            ),
            click.option("--replicas", type=int, default=1, show_default=True, help="In one batch."),
            click.option("--seed", type=int, default=1, show_default=True, help="Of gas and velocities."),
            click.option("--elements", default="", help="Of units, as of `saltflow species`."),
            click.option("--least", "least_ps", type=float, default=0.1, show_default=True, help="Of a change, ps."),
            click.option("--made", type=float, default=1.2, show_default=True, help="Of bonds, over covalent radii."),
            click.option(
                "--broken", type=float, default=1.45, show_default=True, help="Of bonds, over covalent radii."
            ),
        )
    ):
        function = option(function)
    return function


def as_settings(options: Mapping) -> dict:
    """Options as settings of a study."""
    elements = [each.strip() for each in options["elements"].split(",") if each.strip()]
    return dict(options) | {"elements": elements, "temperatures_K": list(options["temperatures_K"])}


def plane_of(text: str, option: str) -> list[int]:
    """A Miller index such as "1,0,0".

    Raises:
        InputError: it is none.
    """
    try:
        found = [int(each) for each in text.split(",")]
    except ValueError:
        found = []
    if len(found) != 3 or not any(found):
        raise InputError([f"{option} {text} is no plane; give three whole numbers that are not all 0, such as 1,0,0."])
    return found


def share_of(text: str) -> float | None:
    """A fraction, or None for the word stiffness.

    Raises:
        InputError: it is neither.
    """
    try:
        return None if text == "stiffness" else float(text)
    except ValueError:
        raise InputError([f"--share {text} is neither a fraction of the mismatch nor the word stiffness."]) from None


def tell_dynamics(record: Mapping) -> None:
    """Print reactions and flags of each temperature, and barriers."""
    for found in record["dynamics"]:
        _tell_state(found)
    for row in record["rate_barriers"]:
        if row["status"] == "ok":
            low_eV, high_eV = row["interval_eV"]
            click.echo(f"{row['reaction']}: barrier {row['barrier_eV']:.2f} eV (95 %: {low_eV:.2f} to {high_eV:.2f})")


def _tell_state(found: Mapping) -> None:
    ramp = f" and {found['ramp_K']:+g} K" if found["ramp_K"] else ""
    state = f"{found['atoms']} atoms at {found['temperature_K']:g} K{ramp}, {found['watched_ps']:.3g} ps"
    click.echo(f"{state}: {found['events']} events")
    for row in found["reactions"][:8]:
        click.echo(
            f"  {row['events']} × {row['reaction']}, first at {row['first_ps']:.3g} ps, {row['mean_depth_A']:+.1f} Å, "
            f"{row['rate_per_ns_nm2']:.2g} ± {row['rate_error_per_ns_nm2']:.2g} per ns and nm²"
        )
    if mixed := found.get("interphase"):
        thick_A = mixed["thickness_A"]
        click.echo(f"  interphase: {thick_A[0]:.1f} to {thick_A[-1]:.1f} Å, {mixed['status']}")
    for ion, crossing in found.get("ion_exchange", {}).items():
        if crossing["status"] == "ok":
            error = crossing["resistance_error_ohm_cm2"]
            click.echo(f"  {ion}: {crossing['resistance_ohm_cm2']:.2g} ± {error:.1g} Ω cm² across the interface")
    for flag in found["flags"]:
        click.echo(f"  {flag}")
    frames = f"{found['candidates']} frames in {found['folder']}/candidates.extxyz"
    click.echo(f"{frames}; label them by `saltflow reference label`.")
