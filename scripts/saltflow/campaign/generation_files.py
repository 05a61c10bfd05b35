"""The files of a potential: those of each generation, of its committee, and of what was released."""

from collections.abc import Sequence
from dataclasses import dataclass

ROOT = "results/potentials"


@dataclass(frozen=True)
class GenerationFiles:
    """Files of one generation of a potential, relative to the sweep.

    A generation that does not exist (`NoGeneration`) has none, so that rules ask for those of the one before without
    asking whether there is one.

    potential: its name. number: of the generation. committee: numbers of its models. chunks: of its labelling jobs.
    """

    potential: str
    number: int
    committee: Sequence[int]
    chunks: Sequence[int]

    @property
    def folder(self) -> str:
        """Where they are."""
        return f"{ROOT}/{self.potential}/generation{self.number}"

    @property
    def after_exploration(self) -> "GenerationFiles | NoGeneration":
        """The same, where the generation explored: all but the first."""
        return self if self.number > 0 else NoGeneration()

    @property
    def frames(self) -> str:
        """Frames to label."""
        return f"{self.folder}/frames.extxyz"

    @property
    def exploration(self) -> str:
        """Candidate frames of the committee's dynamics."""
        return f"{self.folder}/exploration.extxyz"

    @property
    def explored(self) -> str:
        """What became of all explored frames."""
        return f"{self.folder}/explored.json"

    @property
    def diffusion(self) -> str:
        """Diffusion coefficients in the exploration."""
        return f"{self.folder}/diffusion.json"

    @property
    def labels(self) -> list[str]:
        """Labelled frames of all chunks."""
        return [f"{self.folder}/labels/chunk{chunk}.extxyz" for chunk in self.chunks]

    @property
    def ledgers(self) -> list[str]:
        """What became of each frame, of all chunks."""
        return [f"{self.folder}/labels/chunk{chunk}.ledger.tsv" for chunk in self.chunks]

    @property
    def train(self) -> str:
        """Training frames of this generation and all before."""
        return f"{self.folder}/dataset/train.extxyz"

    @property
    def valid(self) -> str:
        """Validation frames of this generation and all before."""
        return f"{self.folder}/dataset/valid.extxyz"

    @property
    def test(self) -> str:
        """Held-out frames of this generation and all before."""
        return f"{self.folder}/dataset/test.extxyz"

    @property
    def ledger(self) -> str:
        """What became of every frame of this generation."""
        return f"{self.folder}/dataset/ledger.tsv"

    def model(self, member: int | str) -> str:
        """One model of the committee."""
        return f"{self.folder}/committee/member{member}.model"

    def check(self, member: int | str) -> str:
        """What one training was checked for; it pins the hash of its model."""
        return f"{self.folder}/committee/member{member}.train_check.json"

    @property
    def models(self) -> list[str]:
        """All models of the committee."""
        return [self.model(member) for member in self.committee]

    @property
    def checks(self) -> list[str]:
        """The checks of all models."""
        return [self.check(member) for member in self.committee]

    @property
    def first_model(self) -> str:
        """The model that is released: it was trained on every training frame."""
        return self.model(self.committee[0])

    @property
    def first_check(self) -> str:
        """Its check."""
        return self.check(self.committee[0])

    @property
    def assessment(self) -> str:
        """Errors on held-out frames, and whether the potential has converged."""
        return f"{self.folder}/assessment.json"

    def loco_models(self, excluded: Sequence[str]) -> list[str]:
        """Models of the trainings without each of some compositions, committee by committee."""
        return [f"{self.folder}/loco/{name}/member{member}.model" for name in excluded for member in self.committee]

    def loco_checks(self, excluded: Sequence[str]) -> list[str]:
        """The checks of these models."""
        return [
            f"{self.folder}/loco/{name}/member{member}.train_check.json"
            for name in excluded
            for member in self.committee
        ]


class NoGeneration:
    """The generation before the first: it has no file."""

    def __getattr__(self, name: str) -> list[str]:
        if not hasattr(GenerationFiles, name):
            raise AttributeError(name)
        return []

    @property
    def after_exploration(self) -> "NoGeneration":
        """No generation either."""
        return self

    def model(self, _member: int | str) -> list[str]:
        """No model."""
        return []

    def check(self, _member: int | str) -> list[str]:
        """No check."""
        return []


def released_model(potential: str) -> str:
    """The model that drives the dynamics of the compositions of a potential."""
    return f"{ROOT}/{potential}/released.model"


def released_record(potential: str) -> str:
    """What pins its hash and says from which generation it is."""
    return f"{ROOT}/{potential}/released.json"


def training_environments(potential: str) -> str:
    """The environments of the training frames of a potential, and its in-domain thresholds."""
    return f"{ROOT}/{potential}/training_environments.npz"
