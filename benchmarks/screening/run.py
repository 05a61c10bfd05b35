"""Do crystals with isolated anions conduct better? OBELiX (Therrien et al., 2025), its 321 structures with measured σ.

Fixed before the first run: Spearman's ρ of the share of isolated anions and log10 σ with 95 % by resampling of
structures, the same within families of at least 10 structures (ranks within each), and a control with shuffled
conductivities, whose interval must hold 0. Below the detection limit (`<` in the table) a value counts as the limit.

usage: python benchmarks/screening/run.py
"""

import csv
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402

from saltflow.studies.screening.anion_table import table_of  # noqa: E402

OBELIX = REPOSITORY.parent / "shared/data/obelix"
SIGMA = "Ionic conductivity (S cm-1)"
RESAMPLED, FEWEST, SEED = 5000, 10, 1


def measured() -> dict[str, tuple[float, str]]:
    """Structure → log10 of its conductivity in S/cm, family."""
    with open(OBELIX / "measured_conductivities.csv") as handle:
        return {
            row["ID"]: (float(np.log10(float(row[SIGMA].lstrip("<")))), row["Family"])
            for row in csv.DictReader(handle)
            if row[SIGMA].strip()
        }


def correlation(first: np.ndarray, second: np.ndarray) -> str:
    """Spearman's ρ with its 95 % interval."""
    random = np.random.default_rng(SEED)
    draws = random.integers(0, len(first), (RESAMPLED, len(first)))
    low, high = np.nanpercentile([stats.spearmanr(first[each], second[each])[0] for each in draws], [2.5, 97.5])
    return f"{stats.spearmanr(first, second)[0]:+.2f} [{low:+.2f}, {high:+.2f}]"


def within_families(values: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Ranks within each family, from 0 to 1."""
    ranks = np.zeros(len(values))
    for family in set(families.tolist()):
        mine = families == family
        ranks[mine] = (stats.rankdata(values[mine]) - 0.5) / mine.sum()
    return ranks


def study(known: dict) -> tuple[dict[str, dict], int]:
    """The anions of every structure that was measured, and how many structures there are."""
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(OBELIX / "cifs.zip").extractall(folder)
        files = sorted(path for path in Path(folder).rglob("*.cif") if path.stem in known)
        return table_of(files, mobile="Li", charges="", say=lambda _: None), len(files)


def compare(share: np.ndarray, log_sigma: np.ndarray, families: np.ndarray) -> None:
    """Print every correlation."""
    medians = [np.median(log_sigma[chosen]) for chosen in (share > 0, share == 0)]
    print("median log10 σ: {:.2f} with isolated anions, {:.2f} without".format(*medians))
    print("ρ of share and log σ:", correlation(share, log_sigma))
    print("ρ with shuffled σ:", correlation(share, np.random.default_rng(SEED).permutation(log_sigma)))
    sizes = Counter(families.tolist())
    large = np.array([sizes[family] >= FEWEST for family in families])
    ranks = [within_families(each[large], families[large]) for each in (share, log_sigma)]
    print(f"ρ within families, {large.sum()} structures:", correlation(*ranks))
    for family, number in sizes.most_common():
        mine = families == family
        if isolated := int((share[mine] > 0).sum()):
            print(f"  {family or 'no family'}: {isolated} of {number}, median log10 σ {np.median(log_sigma[mine]):.2f}")


def main() -> None:
    if not OBELIX.is_dir():
        raise SystemExit("shared/data/obelix is absent: nothing to measure.")
    known = measured()
    records, number = study(known)
    ok = {name: record["isolated_share"] for name, record in records.items() if record["status"] == "ok"}
    share = np.array(list(ok.values()))
    print(f"{len(ok)} of {number} structures; {(share > 0).sum()} with isolated anions")
    for name in sorted(set(records) - set(ok)):
        print(f"  {name}: {records[name]['status'].partition('.cif')[2].strip(chr(39) + ': ')}")
    compare(share, np.array([known[name][0] for name in ok]), np.array([known[name][1] for name in ok]))


if __name__ == "__main__":
    main()
