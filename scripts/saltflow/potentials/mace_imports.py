"""mace without what only its training uses, which is half of the time that it takes to import.

torchmetrics, pandas, matplotlib, scipy.signal and torch's compiler are imported once something asks for them. To be
imported before mace.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# Packages that wait, and those of their names that a submodule has: what mace.modules takes of mace.tools.
LATER: Mapping[str, Mapping[str, str]] = {
    "mace.tools": {"TensorDict": "mace.tools.torch_tools", "to_numpy": "mace.tools.torch_tools"},
    "scipy.signal": {},
    "torch._dynamo": {},
}


class LatePackage(ModuleType):
    """A package that runs its `__init__` at the first question for a name that it does not have yet."""

    def __getattr__(self, name: str) -> object:
        package = self.__dict__
        if home := LATER[package["__name__"]].get(name):
            return getattr(importlib.import_module(home), name)
        spec: ModuleSpec = package["__spec__"]
        if name.startswith("__") or not isinstance(spec.loader, LateLoader):
            raise AttributeError(f"module {spec.name!r} has no attribute {name!r}", name=name, obj=self)
        spec.loader = self.__loader__ = spec.loader.own
        spec.loader.exec_module(self)
        return getattr(self, name)


class LateLoader(Loader):
    """Makes a `LatePackage`. own: the loader that runs its `__init__`."""

    def __init__(self, own: Loader):
        self.own = own

    def create_module(self, spec: ModuleSpec) -> LatePackage:
        """As importlib asks for it."""
        return LatePackage(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing yet."""


class LateFinder(MetaPathFinder):
    """Finds the packages of `LATER`."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As importlib asks for it."""
        spec = PathFinder.find_spec(name, path, target) if name in LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = LateLoader(spec.loader)
        return spec


sys.meta_path.insert(0, LateFinder())
