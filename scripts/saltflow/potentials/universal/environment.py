"""The Python that evaluates a potential: that of the job, or of an environment with other packages."""

from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.settings.references import UniversalReference


def find_python(reference: UniversalReference) -> Path | None:
    """The Python of the potential's environment; None for that of the job.

    Raises:
        SaltflowError: there is none.
    """
    if reference.python is None:
        return None
    python = REPOSITORY / Path(reference.python).expanduser()
    if not python.is_file():
        raise SaltflowError(
            f"{reference.method}: there is no Python {python}; run `make universal` in {REPOSITORY}, or correct python "
            "of the reference."
        )
    return python
