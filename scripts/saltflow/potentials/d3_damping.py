"""Damping parameters of D3(BJ) by functional, the same for labels and molecular dynamics."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Damping:
    """Parameters of D3(BJ): s6 = 1 always; a2 in bohr."""

    s8: float
    a1: float
    a2_bohr: float


# PBE: Grimme, Ehrlich, Goerigk, J. Comput. Chem. 32, 1456 (2011); r²SCAN: Ehlert et al., JCP 154, 061101 (2021).
DAMPING = {"PBE": Damping(0.7875, 0.4289, 4.4407), "r2SCAN": Damping(0.78981345, 0.49484001, 5.73083694)}
