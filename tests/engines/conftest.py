import os
from pathlib import Path

import pytest

from tests.engines.bridge_process import BridgeProcess
from tests.engines.cores import BUILDERS, Core, NoToolsError
from tests.engines.godot_engine import REPOSITORY, Display, Driver, Godot, NoEngineError, copy_project
from tests.engines.unity_scene import Unity

ARTEFACTS = REPOSITORY / "build" / "engines"
RENDERERS = os.environ.get("SPATIA_RENDERERS", "opengl3").split()


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.timeout(900))  # software rendering


@pytest.fixture(scope="session")
def godot():
    try:
        return Godot.find()
    except NoEngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shared(godot, tmp_path_factory):
    """A folder that the engine sees too, with the project in it."""
    folder = tmp_path_factory.mktemp("godot")
    copy_project(godot, folder)
    return folder


@pytest.fixture(scope="session")
def artefacts():
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def headless(godot, shared):
    driver = Driver(godot, shared, renderer="", display=None)
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def display(godot, shared):
    display = Display(godot, shared)
    yield display
    display.close()


@pytest.fixture(scope="module", params=RENDERERS)
def engine(godot, shared, display, request):
    driver = Driver(godot, shared, renderer=request.param, display=display)
    driver.renderer = request.param
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    process = BridgeProcess(tmp_path_factory.mktemp("bridge") / "sessions")
    yield process
    process.close()


@pytest.fixture(scope="session", params=BUILDERS)
def core(request):
    """The driver of each language's core."""
    try:
        core = Core(request.param)
    except NoToolsError as error:
        pytest.skip(str(error))
    yield core
    core.close()


@pytest.fixture(scope="session")
def unity():
    """The Unity components, compiled and run over stubs."""
    try:
        driver = Unity()
    except NoToolsError as error:
        pytest.skip(str(error))
    yield driver
    driver.close()
