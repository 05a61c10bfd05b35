"""One potential as the rules ask about it."""

from dataclasses import dataclass
from functools import cached_property

from saltflow.campaign.assessment_view import AssessmentView
from saltflow.campaign.fine_tuning_view import FineTuningView
from saltflow.campaign.loco_view import LocoView
from saltflow.campaign.potential_core import PotentialCore
from saltflow.campaign.sampling_view import SamplingView


@dataclass(frozen=True)
class PotentialView(PotentialCore):
    """A potential and the views of its stations; all that it hands to a rule is plain builtins."""

    @cached_property
    def sampling(self) -> SamplingView:
        """How it samples frames."""
        return SamplingView(self)

    @cached_property
    def fine_tuning(self) -> FineTuningView:
        """How it is fine-tuned."""
        return FineTuningView(self)

    @cached_property
    def assessment(self) -> AssessmentView:
        """What its assessments compare."""
        return AssessmentView(self)

    @cached_property
    def loco(self) -> LocoView:
        """Its leave-one-composition-out validation."""
        return LocoView(self)
