"""How good a potential is on a composition that it never saw: that of a foundation, when another one joins."""

from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.learning.assessment.assessment import predict
from saltflow.learning.prediction_errors import errors
from saltflow.learning.uncertainty import z_std_by
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee


def zero_shot_errors(frames: Sequence[Atoms], files: Mapping, *, compositions: Sequence[str]) -> dict | None:
    """`errors_zero_shot` of the committee of the foundation; None where it has met every composition.

    Args:
        frames: held out, labelled.
        files: names → paths: foundation_committee and foundation_checks (one for each model), foundation_assessment;
            empty but in generation 0, in which the question is decided.
        compositions: those that the foundation was not trained on.
    """
    if not compositions or not files.get("foundation_committee"):
        return None
    committee = load_checked_committee(
        files["foundation_committee"], files["foundation_checks"], device="cpu", dtype="float64"
    )
    calibration = read_json(files["foundation_assessment"])["calibration"]
    return errors_zero_shot(frames, committee, calibration, compositions=compositions)


def errors_zero_shot(
    frames: Sequence[Atoms], committee: Committee, calibration: Mapping, *, compositions: Sequence[str]
) -> dict[str, dict]:
    """Errors of a committee on compositions that were left out of its training.

    Args:
        frames: labelled, drawn without regard to its uncertainty.
        committee: judged by its first model.
        calibration: of its spread.
        compositions: which of the frames count.

    Returns:
        composition → as `assessment.errors`, and z_std: the root mean square of the z-scores of its calibrated
        uncertainty, near 1 where it was as sure as it should be; None for a committee that does not spread.
    """
    judged = predict([frame for frame in frames if FrameInfo.of(frame).composition in compositions], committee)
    return summarise_zero_shot(judged, calibration)


def summarise_zero_shot(predictions: Sequence[Mapping], calibration: Mapping) -> dict[str, dict]:
    """The same of predictions (`assessment.predict`) of frames of compositions that were left out."""
    found = {}
    for name in sorted({each["composition"] for each in predictions}):
        ours = [each for each in predictions if each["composition"] == name]
        found[name] = errors(ours) | {"z_std": z_std_by(calibration, ours)}
    return found
