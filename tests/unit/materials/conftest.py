"""What tests of materials share."""

from pathlib import Path

import pytest


@pytest.fixture
def cif(tmp_path: Path):
    """Writes a CIF and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "crystal.cif"
        path.write_text(text)
        return path

    return write
