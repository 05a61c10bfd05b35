"""A device without hardware: it computes on the CPU, refuses tensors of the CPU, and counts what the host waits for.

As on a GPU, a tensor of the host may not meet one of the device, unless it is a single number. The host waits where it
asks for a number, for a copy that is not asynchronous, or for a size that depends on numbers of the device.
"""

from contextlib import contextmanager

import torch
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretend"
aten = torch.ops.aten
# Of a size that depends on numbers, or whose errors the host looks at.
WAITING = {
    "_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "_unique2", "unique_consecutive", "bincount",
    "equal", "is_nonzero", "allclose", "histc", "_linalg_check_errors", "_linalg_eigh", "_linalg_svd", "linalg_lu",
    "linalg_matrix_exp",
}  # fmt: skip
COPIES = (aten.copy_.default, aten._to_copy.default)


class Waits:
    """What the host waited for, by the names of operators."""

    def __init__(self):
        self.names = []

    @property
    def total(self):
        """How often."""
        return len(self.names)


_waits = Waits()
_registered = []


@contextmanager
def watched():
    """Count from here on."""
    global _waits
    before, _waits = _waits, Waits()
    try:
        yield _waits
    finally:
        _waits = before


class PretendTensor(torch.Tensor):
    """A tensor of the device; `held` has its numbers."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), dtype=held.dtype, device=torch.device(NAME, 0)
        )

    def __init__(self, held):
        self.held = held

    def tolist(self):
        return self.cpu().tolist()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        _count(function, args, kwargs)
        goes_to_host = function is aten._to_copy.default and _is_host(kwargs.get("device"))
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("cpu")
        owners = {}

        def held(value):
            if isinstance(value, PretendTensor):
                owners[id(value.held)] = value
                return value.held
            if isinstance(value, torch.Tensor) and value.dim() and function not in COPIES:
                raise RuntimeError(f"{function}: expected all tensors to be on the same device, one is on the CPU")
            return value

        def put(value):
            if not isinstance(value, torch.Tensor):
                return value
            return owners.get(id(value)) if id(value) in owners else PretendTensor(value)

        args, kwargs = tree_map(held, args), tree_map(held, kwargs)
        found = function(*args, **kwargs)
        if goes_to_host:
            return found
        return found if function is aten.copy_.default and id(found) not in owners else tree_map(put, found)


def _is_host(device):
    return device is not None and torch.device(device).type == "cpu"


def _count(function, args, kwargs):
    name = function.__name__.partition(".")[0]
    by_mask = name in ("index", "index_put", "index_put_", "_index_put_impl_") and any(
        index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
    )
    repeats = name == "repeat_interleave" and kwargs.get("output_size") is None
    to_host = name == "_to_copy" and _is_host(kwargs.get("device")) and not kwargs.get("non_blocking")
    into_host = name == "copy_" and not isinstance(args[0], PretendTensor) and not (args[2:] or [False])[0]
    if name in WAITING or by_mask or repeats or to_host or into_host:
        _waits.names.append(name)


def _empty(size, *, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    return PretendTensor(torch.empty(size, dtype=dtype))


def _empty_strided(size, stride, *, dtype=None, layout=None, device=None, pin_memory=None):
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))


def _arange(*bounds, dtype=None, layout=None, device=None, pin_memory=None):
    return PretendTensor(torch.arange(*bounds, dtype=dtype))


def _eye(*sizes, dtype=None, layout=None, device=None, pin_memory=None):
    return PretendTensor(torch.eye(*sizes, dtype=dtype))


def _copy_from(source, target, non_blocking=False):
    target.held.copy_(source.held if isinstance(source, PretendTensor) else source)
    return target


def register():
    """Make the device known to torch, once per process."""
    if _registered:
        return
    _setup_privateuseone_for_python_backend(NAME)
    library = torch.library.Library("aten", "IMPL")
    made = {"empty.memory_format": _empty, "empty_strided": _empty_strided, "_copy_from": _copy_from}
    made |= dict.fromkeys(("arange", "arange.start", "arange.start_step"), _arange) | dict.fromkeys(
        ("eye", "eye.m"), _eye
    )
    for name, function in made.items():
        library.impl(name, function, "PrivateUse1")
    _registered.append(library)


def put(values):
    """A tensor on the device."""
    return PretendTensor(values)
