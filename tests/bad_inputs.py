"""What people get wrong in settings and tables, and the sentence that each is refused with: one row per case."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from workplaces import ROOT

Spoil = Callable[[bytes], bytes]
TINY = ROOT / "tests/tiny"
SETTINGS, COMPOSITIONS, POTENTIALS, OVERRIDES = "config.yaml", "compositions.tsv", "potentials.tsv", "overrides.yaml"
METHOD = "references/mine.yaml"
FILES = (SETTINGS, COMPOSITIONS, POTENTIALS, OVERRIDES, "LiCl.cif")


class BadInput(NamedTuple):
    """The file of a sweep that is spoilt, how, and what is said of it."""

    file: str
    spoil: Spoil
    sentence: str


def write_sweep(folder: Path, spoilt: BadInput | None = None) -> Path:
    """The tiny campaign in a folder of its own, one file of it spoilt; its settings."""
    (folder / "references").mkdir(parents=True)
    (folder / METHOD).write_text("like: gfn1-xtb\naccuracy: 0.5\n")
    for name in FILES:
        (folder / name).write_bytes((TINY / name).read_bytes())
    if spoilt:
        (folder / spoilt.file).write_bytes(spoilt.spoil((folder / spoilt.file).read_bytes()))
    return folder / SETTINGS


def put(text: str | bytes) -> Spoil:
    """This instead of the file."""
    return lambda _: text if isinstance(text, bytes) else text.encode()


def add(text: str | bytes) -> Spoil:
    """This at the end of the file."""
    return lambda content: content + (text if isinstance(text, bytes) else text.encode())


def change(old: str, new: str) -> Spoil:
    """The first occurrence of a text replaced."""
    return lambda content: content.replace(old.encode(), new.encode(), 1)


def every(old: str, new: str) -> Spoil:
    """Every occurrence of a text replaced."""
    return lambda content: content.replace(old.encode(), new.encode())


def quoted(content: bytes) -> bytes:
    """Every cell in quotes, as a spreadsheet may export them."""
    return b"".join(b"\t".join(b'"%b"' % cell for cell in line.split(b"\t")) + b"\n" for line in content.splitlines())


def without_column(content: bytes) -> bytes:
    """The last column is gone."""
    return b"".join(line.rpartition(b"\t")[0] + b"\n" for line in content.splitlines())


def doubled_column(content: bytes) -> bytes:
    """The last column is there twice."""
    return b"".join(line + b"\t" + line.rpartition(b"\t")[2] + b"\n" for line in content.splitlines())


BAD_INPUTS = {
    # ── YAML ───────────────────────────────────────────────────────────────────────────────────
    "key twice": BadInput(
        SETTINGS, add("cells:\n  atoms: 13\n"), "the key 'cells' is there twice, first in line 18; keep"
    ),
    "nested key twice": BadInput(
        SETTINGS,
        change("replicas: 2", "replicas: 2\n  replicas: 3"),
        "line 16: the key 'replicas' is there twice, first in line 15",
    ),
    "key twice in braces": BadInput(
        OVERRIDES, put("compositions: {LiAlCl4: {}, LiAlCl4: {}}"), "line 1: the key 'LiAlCl4'"
    ),
    "key twice in a method": BadInput(
        METHOD, add("accuracy: 1.0\n"), "mine.yaml, line 3: the key 'accuracy' is there twice"
    ),
    "unclosed bracket": BadInput(
        SETTINGS, add("order: [1\n"), "config.yaml, line 105: this is not YAML (expected ',' or"
    ),
    "two documents": BadInput(SETTINGS, add("---\ncells: {}\n"), "this is not YAML (but found another document)"),
    "tab": BadInput(SETTINGS, change("  replicas", "\treplicas"), "line 15: a tab stands where YAML wants spaces"),
    "a list": BadInput(SETTINGS, put("- sweep\n"), "keys and values are wanted here, not ['sweep']"),
    "empty section": BadInput(
        SETTINGS, change("sweep:\n", "sweep:\nx-sweep:\n"), "the section 'sweep' is empty; write its keys"
    ),
    "Latin-1": BadInput(
        SETTINGS, add("# für\n".encode("latin-1")), "line 104: this is not UTF-8 text; save the file as"
    ),
    "UTF-16": BadInput(SETTINGS, lambda content: content.decode().encode("utf-16"), "line 1: this is not UTF-8 text"),
    "NUL": BadInput(SETTINGS, add("\0"), "a NUL byte stands here"),
    "control character": BadInput(SETTINGS, add("# \x07\n"), r"the character '\x07' is not text"),
    "Python tag": BadInput(
        SETTINGS, add("order: !!python/name:os.system\n"), "the tag !!python/name:os.system is not read"
    ),
    "tag": BadInput(
        SETTINGS, change("replicas: 2", "replicas: !!int 2"), "line 15: the tag !!int is not read; delete it"
    ),
    "anchor": BadInput(
        SETTINGS, change("[500, 700, 900]", "&t [500, 700, 900]"), "anchors and aliases (& and *) are not"
    ),
    "merge key": BadInput(SETTINGS, change("  replicas: 2", "  <<: {replicas: 2}"), "the key << is not a word"),
    "number as a key": BadInput(
        OVERRIDES, put("compositions: {12: {}}"), "line 1: the key 12 is not a word; put it in quotes"
    ),
    "no as a word": BadInput(
        SETTINGS, change("replicas: 2", "replicas: 2\n  compositions: [NO]"), "YAML reads NO as a truth"
    ),
    "base of 60": BadInput(SETTINGS, change("replicas: 2", "replicas: 1:30"), "YAML reads 1:30 to the base of 60"),
    "base of 8": BadInput(SETTINGS, change("replicas: 2", "replicas: 010"), "YAML reads 010 to the base of 60 or 8"),
    "not a number": BadInput(
        SETTINGS, change("replicas: 2", "replicas: .nan"), ".nan is not a number that a setting takes"
    ),
    "infinity": BadInput(
        SETTINGS, change("replicas: 2", "replicas: -.inf"), "-.inf is not a number that a setting takes"
    ),
    "5,000 digits": BadInput(
        SETTINGS, change("replicas: 2", f"replicas: {'9' * 5000}"), "is not a number that a setting"
    ),
    "a million replicas": BadInput(SETTINGS, change("replicas: 2", "replicas: 1000000"), "less than or equal to 1000"),
    "deep nesting": BadInput(SETTINGS, put("[" * 5000), "this cannot be read as YAML (RecursionError); simplify it"),
    "methods that are none": BadInput(SETTINGS, add("references: 5\n"), "names of reference methods are wanted"),
    "like a list": BadInput(METHOD, put("like: [gfn1-xtb]\n"), "reference 'mine' is like '['gfn1-xtb']', which is not"),
    "empty method": BadInput(SETTINGS, add("references: {mine: }\n"), "'references.mine' = None is not valid"),
    "key with brackets": BadInput(OVERRIDES, put("compositions[]: {}\n"), "unknown key 'compositions[]' (did you mean"),
    # ── universal potentials ───────────────────────────────────────────────────────────────────
    "GPU for a calculator without one": BadInput(
        METHOD,
        put("like: chgnet-pbe\ndevice: cuda\ndevice_argument: null\n"),
        "runs on CPUs only (device_argument null); write device: cpu",
    ),
    "weights without a hash": BadInput(
        METHOD,
        put("like: chgnet-pbe\nsha256: null\n"),
        "weights and sha256 belong together: give both, or null for both",
    ),
    "weights that are not those loaded": BadInput(
        METHOD, put("like: chgnet-pbe\narguments: {path: other.pt}\n"), 'give "{weights}" to an argument'
    ),
    "element that does not exist": BadInput(
        METHOD, put("like: chgnet-pbe\nelements: [H-Xx]\n"), "'Xx' in 'H-Xx' is not an element; write elements or"
    ),
    "hash of a universal potential": BadInput(
        POTENTIALS,
        change("base\tnone\t-", f"base\tchgnet-pbe\t{'0' * 64}"),
        "'chgnet-pbe' is not a file and has no hash",
    ),
    "published foundation that is not there": BadInput(
        POTENTIALS,
        change("base\tnone\t-", f"base\tmace-mpa-0-medium.model\t{'0' * 64}"),
        "is not there; `saltflow foundation fetch mace-mpa-0-medium --to ",
    ),
    "potential named as a universal one": BadInput(
        POTENTIALS, change("base\tnone", "diep-r2scan\tnone"), "'diep-r2scan' is a reserved word; choose another name"
    ),
    # ── paths ──────────────────────────────────────────────────────────────────────────────────
    "table that is elsewhere": BadInput(
        SETTINGS, change("potentials: ", "potentials: tables/"), "tables.potentials: there is no file '"
    ),
    "table that is a folder": BadInput(
        SETTINGS, change("potentials.tsv", "references"), "tables.potentials: there is no"
    ),
    "name of 300 letters": BadInput(
        SETTINGS, change("potentials.tsv", "p" * 300), "tables.potentials: there is no file"
    ),
    "lost structure": BadInput(COMPOSITIONS, change("LiCl.cif", "lost.cif"), "lost.cif' does not exist; write 'pack'"),
    "lost foundation": BadInput(
        POTENTIALS, change("base\tnone", "base\tmodels/lost.model"), "'models/lost.model' is neither a potential"
    ),
    # ── tables ─────────────────────────────────────────────────────────────────────────────────
    "semicolons": BadInput(
        COMPOSITIONS, every("\t", ";"), "compositions.tsv: its columns are separated by semicolons; save"
    ),
    "commas": BadInput(
        POTENTIALS, every("\t", ","), "potentials.tsv: its columns are separated by commas; save it with"
    ),
    "spaces": BadInput(POTENTIALS, every("\t", "  "), "potentials.tsv: its columns are separated by spaces"),
    "quotes": BadInput(COMPOSITIONS, quoted, "compositions.tsv: its cells stand in quotes; save it without"),
    "one quoted cell": BadInput(
        COMPOSITIONS, change("LiAlCl4\tLiAlCl4", '"LiAlCl4"\tLiAlCl4'), "the cell stands in quotes"
    ),
    "NUL in a table": BadInput(COMPOSITIONS, change("LiAlCl4", "Li\0AlCl4"), "line 2: a NUL byte stands here"),
    "Latin-1 table": BadInput(COMPOSITIONS, add(b"\xe4\n"), "compositions.tsv, line 4: this is not UTF-8 text"),
    "spreadsheet": BadInput(
        COMPOSITIONS, put(b"PK\x03\x04..."), "is a spreadsheet or a zip file; export it as tab-separated"
    ),
    "empty table": BadInput(POTENTIALS, put(""), "potentials.tsv is empty; give it a header"),
    "header alone": BadInput(POTENTIALS, lambda content: content.partition(b"\n")[0], "has a header but no row"),
    "missing column": BadInput(COMPOSITIONS, without_column, "the column 'note' is missing; add it to the header"),
    "column twice": BadInput(COMPOSITIONS, doubled_column, "the column 'note' appears 2 times; keep one"),
    "id of 300 letters": BadInput(
        COMPOSITIONS, change("LiAlCl4", "L" * 300), "the name has 300 characters; give one of at"
    ),
    "ids that differ by case": BadInput(
        POTENTIALS, change("fine-tuned\t", "BASE\t"), "'BASE' is a duplicate of 'base'"
    ),
    "slash": BadInput(COMPOSITIONS, change("LiAlCl4", "Li/AlCl4"), "'Li/AlCl4' is not a safe folder name"),
    "dots": BadInput(POTENTIALS, change("base\t", "..\t"), "'..' is not a safe folder name"),
    "decimal comma": BadInput(
        COMPOSITIONS, change("\t1.6\t", "\t1,7\t"), "'1,7' is not a positive number; write one such"
    ),
    "negative density": BadInput(COMPOSITIONS, change("\t1.6\t", "\t-5\t"), "'-5' is not a positive number"),
    "density of nan": BadInput(COMPOSITIONS, change("\t1.6\t", "\tnan\t"), "'nan' is not a positive number"),
    "overflowing density": BadInput(COMPOSITIONS, change("\t1.6\t", "\t1e999\t"), "'1e999' is not a positive number"),
    "digits without end": BadInput(COMPOSITIONS, change("\tLiAlCl4\t", f"\tLiAlCl{'4' * 5000}\t"), "is not a formula"),
}
