"""Zero-shot errors: those of a foundation's committee on compositions that it was not trained on."""

from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.prediction_errors import errors
from saltflow.learning.uncertainty import z_std_by
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee


def zero_shot_errors(frames: Sequence[Atoms], files: Mapping, *, compositions: Sequence[str]) -> dict | None:
    """`errors_zero_shot` of the committee of the foundation; None without new compositions.

    Args:
        frames: held out, labelled.
        files: names → paths: foundation_committee and foundation_checks (one for each model), foundation_assessment;
            empty after generation 0.
        compositions: on which the foundation was not trained.
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
    """Errors of a committee on compositions on which it was not trained.

    Args:
        frames: labelled, drawn independently of its uncertainty.
        committee: its first model predicts.
        calibration: of its disagreement.
        compositions: of the frames that count.

    Returns:
        composition → as `prediction_errors.errors`, and z_std: root mean square of the z-scores of the calibrated
        uncertainty, near 1 where it is right; None without disagreement.
    """
    predictions = predict([frame for frame in frames if FrameInfo.of(frame).composition in compositions], committee)
    return summarise_zero_shot(predictions, calibration)


def summarise_zero_shot(predictions: Sequence[Mapping], calibration: Mapping) -> dict[str, dict]:
    """`errors_zero_shot` of given predictions (`predictions.predict`)."""
    found = {}
    for name in sorted({each["composition"] for each in predictions}):
        own = [each for each in predictions if each["composition"] == name]
        found[name] = errors(own) | {"z_std": z_std_by(calibration, own)}
    return found
