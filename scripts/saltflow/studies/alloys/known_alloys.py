"""Alloys whose class is known, and how likely others are bulk glasses by what was learnt from them."""

from dataclasses import dataclass

import numpy as np

from saltflow.studies.alloys.alloy_table import BMG, CLASSES
from saltflow.studies.alloys.forests import ClassForest
from saltflow.studies.alloys.training_weights import training_weights

MEMBERS = 5
TREES_OF_A_MEMBER = 20
DRAWN = 2 / 3  # of the known alloys, for each member


@dataclass(frozen=True)
class KnownAlloys:
    """Alloys with their outcome.

    Attributes:
        features: (alloys, features).
        fractions: atomic, (alloys, elements).
        classes: (alloys,).
    """

    features: np.ndarray
    fractions: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def chosen(self, rows: np.ndarray) -> "KnownAlloys":
        """Some of them."""
        return KnownAlloys(self.features[rows], self.fractions[rows], self.classes[rows])

    def likelihoods(self, features: np.ndarray, *, treatment: str, seed: int) -> np.ndarray:
        """Probability of a bulk glass by forests that each learn from two thirds of these alloys, (members, alloys).

        Args:
            features: of the alloys to predict.
            treatment: of imbalance, `training_weights`.
            seed: of the draws and the trees.
        """
        random = np.random.default_rng(seed)
        weights = training_weights(treatment, self.fractions, self.classes, seed=seed)
        found = []
        for member in range(MEMBERS):
            drawn = np.where(random.random(len(weights)) < DRAWN, weights, 0.0)
            forest = ClassForest(self.features, self.classes, drawn, seed=seed + member, trees=TREES_OF_A_MEMBER)
            found.append(forest.probabilities(features)[:, CLASSES.index(BMG)])
        return np.array(found)
