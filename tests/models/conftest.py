import pytest

from spatia_bridge.models import library
from tests.models.hub import Hub


@pytest.fixture
def hub():
    server = Hub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder of models."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"
