"""Whether a foundation is given structures to label, wherever they are replayed and its own frames are not at hand."""

import os.path
from collections.abc import Iterator

from saltflow.base.errors import InputError
from saltflow.campaign.added_dispersion import has_dispersion
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.potential_view import PotentialView


def check_replays(campaign: Campaign) -> None:
    """Refuse a replay without structures, of a file that is not there, or of another dispersion than the labels'.

    Raises:
        InputError: a sentence for each.
    """
    potentials = map(campaign.potential, campaign.potentials)
    replaying = [each for each in potentials if each.fine_tuning.replays and _labels_structures(each)]
    if problems := [problem for each in replaying for problem in _problems(each)]:
        raise InputError(problems)


def _labels_structures(potential: PotentialView) -> bool:
    return potential.foundation["kind"] == "file" or potential.fine_tuning.replay_structures is not None


def _problems(potential: PotentialView) -> Iterator[str]:
    row, requested = potential.row, potential.learning["training"]["replay_structures"]
    if requested is None:
        yield (
            f"Potential {row.name}: learning.training.recipe is replay, but the frames that {row.foundation} was "
            "trained on are not at hand; name structures that it labels itself in learning.training.replay_structures, "
            "choose frozen or lora, or start from a potential of the table."
        )
        return
    where = f"Potential {row.name}: learning.training.replay_structures"
    if not os.path.isfile(requested["path"]):
        yield f"{where}: {requested['path']} is not there; correct its path, relative to the file that names it."
    if not has_dispersion(potential.reference, requested["dispersion"]):
        yield (
            f"{where}: dispersion {requested['dispersion']} is not in the labels of '{row.reference}', or is there "
            "with parameters of its own; write none."
        )
