"""Whatever stands in settings and tables, a campaign loads or is refused in sentences."""

from pathlib import Path

import pytest
import yaml
from campaign_project import COMPOSITIONS, POTENTIALS, SHIPPED, Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import DEFAULTS, read_settings, updated
from saltflow.campaign.loading import load_campaign

VALID = {"compositions": COMPOSITIONS, "potentials": POTENTIALS, "overrides": "compositions: {LiAlCl4: {cells: {}}}\n"}
SETTINGS = "".join(path.read_text() for path in DEFAULTS[1:])
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["nan", "-5", "1e30", "1,5", "..", "a/b", "x" * 300, "\0", "no", '"quoted"', "- ", "=", "&a", "!!set"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
# The same examples every time, so that a failure is a failure of the code.
FUZZED = settings(derandomize=True, max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def paths_of(content: object, path: tuple = ()) -> list[tuple]:
    """Where the values of a nested mapping stand."""
    if not isinstance(content, dict):
        return [path]
    return [path, *(found for key, value in content.items() for found in paths_of(value, (*path, key)))]


PATHS = paths_of(SHIPPED)[1:]


def refused_or_loaded(load) -> None:
    """Anything but a SaltflowError of one paragraph per problem fails the test."""
    try:
        load()
    except SaltflowError as error:
        text = str(error)
        assert text.strip()
        assert "\n\n" not in text
        assert "Traceback" not in text


@st.composite
def mutated(draw: st.DrawFn, valid: str) -> bytes:
    """A valid file with bytes changed, lines deleted or doubled, or a cell or value replaced."""
    lines = valid.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        words = line.split("\t") if "\t" in line else line.partition(": ")
        column = draw(st.integers(0, len(words) - 1))
        replaced = [*words[:column], str(draw(STRANGE)), *words[column + 1 :]]
        lines[place] = draw(
            st.sampled_from(["", line * 2, line.rstrip("\n"), ("\t" if "\t" in line else "").join(replaced)])
        )
    content = bytearray("".join(lines).encode(errors="surrogateescape"))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(content)))
        content[start : start + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(content)


@pytest.mark.parametrize("table", VALID)
def test_a_mutated_table_is_refused_in_sentences_or_loads(tmp_path: Path, table: str):
    @FUZZED
    @given(content=mutated(VALID[table]))
    def load(content: bytes) -> None:
        project = Project(tmp_path)
        (tmp_path / f"{table}.txt").write_bytes(content)
        refused_or_loaded(project.load)

    load()


def test_mutated_settings_are_refused_in_sentences_or_load(tmp_path: Path):
    path = tmp_path / "config.yaml"

    @FUZZED
    @given(content=mutated(SETTINGS))
    def load(content: bytes) -> None:
        path.write_bytes(content)
        refused_or_loaded(lambda: load_campaign(updated(SHIPPED, read_settings(path))))

    load()


def test_values_of_other_types_are_refused_in_sentences_or_load(tmp_path: Path):
    path = tmp_path / "config.yaml"
    tables = {"tables": Project(tmp_path).config["tables"]}

    @FUZZED
    @given(place=st.sampled_from(PATHS), value=STRANGE)
    def load(place: tuple, value: object) -> None:
        changes: object = value
        for key in reversed(place):
            changes = {key: changes}
        path.write_text(yaml.safe_dump(updated(tables, changes)))
        refused_or_loaded(lambda: load_campaign(updated(SHIPPED, read_settings(path))))

    load()
