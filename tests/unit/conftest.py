import pytest


@pytest.fixture(scope="session")
def model_paths(tmp_path_factory):
    """Three small MACE model files."""
    from mace_models import save_models

    return save_models(tmp_path_factory.mktemp("models"), seeds=(1, 2, 3))


@pytest.fixture(scope="session")
def committee(model_paths):
    """Their committee, in float64."""
    from mace_models import committee_of

    return committee_of(model_paths)


@pytest.fixture(scope="session")
def pretend():
    """The module of the device without hardware, known to torch."""
    import pretend_device

    pretend_device.register()
    return pretend_device
