"""Leave the frames with velocities out of an H5MD file; all else stays as it is, byte for byte."""

import os

import h5py

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import TRAJECTORY, VELOCITIES

ROWS_COMPARED = 256


def velocities_bytes(path: str | os.PathLike) -> int:
    """What the frames with velocities of an H5MD file of saltflow take on the disk; 0 where there are none."""
    with h5py.File(path, "r") as file:
        datasets = _datasets(file.get(VELOCITIES, {})).values()
        return sum({h5py.h5o.get_info(each.id).addr: each.id.get_storage_size() for each in datasets}.values())


def write_without_velocities(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Write an H5MD file of saltflow again without its frames with velocities, and check it.

    Args:
        source: the file. target: the new one.

    Raises:
        SaltflowError: what was written differs from what was read.
    """
    with h5py.File(source, "r") as whole, h5py.File(target, "w") as kept:
        kept.attrs.update(whole.attrs)
        whole.copy("h5md", kept)
        whole.copy(TRAJECTORY, kept.create_group("particles"))
        clock = kept[f"{TRAJECTORY}/position"]
        for name, element in whole["observables"].items():
            group = kept.create_group(f"observables/{name}")
            element.copy("value", group)
            group["step"], group["time"] = clock["step"], clock["time"]
    check_all_but_velocities(source, target)


def check_all_but_velocities(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Make sure that a file holds every byte of another but its frames with velocities.

    Raises:
        SaltflowError: it does not.
    """
    with h5py.File(source, "r") as whole, h5py.File(target, "r") as kept:
        expected = {name: each for name, each in _datasets(whole).items() if not name.startswith(f"{VELOCITIES}/")}
        found = _datasets(kept)
        if found.keys() != expected.keys() or not all(_are_equal(expected[name], found[name]) for name in found):
            raise SaltflowError(f"{source} was not reduced: what was written differs from it; check the disk.")


def _datasets(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Every dataset under a group, by its path in it; one of several names is not left out."""
    found = {}
    for name, member in group.items():
        if isinstance(member, h5py.Dataset):
            found[name] = member
        else:
            found |= {f"{name}/{inner}": each for inner, each in _datasets(member).items()}
    return found


def _are_equal(one: h5py.Dataset, other: h5py.Dataset) -> bool:
    """Whether two datasets hold the same bytes and attributes."""
    if (one.shape, one.dtype, dict(one.attrs)) != (other.shape, other.dtype, dict(other.attrs)):
        return False
    if not one.shape:
        return one[()] == other[()]
    rows = (slice(start, start + ROWS_COMPARED) for start in range(0, len(one), ROWS_COMPARED))
    return all(one[each].tobytes() == other[each].tobytes() for each in rows)
