"""What is loaded when: importing the package and asking for help stay light."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "diffusers",
    "transformers",
    "huggingface_hub",
    "open3d",
    "grpc",
    "google.protobuf",
    "numba",
    "cv2",
    "av",
    "numpy",
    "rich",
    "zstandard",
    "msgpack",
    "websockets",
}


def loaded_after(code: str) -> set[str]:
    """The heavy modules in a fresh interpreter that ran this code."""
    script = f"{code}\nimport sys\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import spatia_bridge", "import spatia_bridge.errors", "import spatia_bridge.cli.main"])
def test_light_imports_load_nothing_heavy(code):
    assert loaded_after(code) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["serve", "--help"],
        ["sessions", "list", "--help"],
        ["models", "fetch", "--help"],
    ],
)
def test_help_answers_before_anything_heavy_is_loaded(arguments):
    code = "from spatia_bridge.cli.main import main\n"
    code += f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0"
    assert loaded_after(code) == set()


def test_the_core_needs_neither_torch_nor_open3d_nor_protobuf_nor_grpc():
    code = "import spatia_bridge.memory, spatia_bridge.frames, spatia_bridge.session, spatia_bridge.codec.chunks"
    assert loaded_after(code) & {"torch", "open3d", "google.protobuf", "grpc", "diffusers"} == set()


def test_the_composition_root_and_all_its_generators_need_no_torch():
    code = "from spatia_bridge.app import find_generators\nfor make in find_generators('server-80gb').values(): make().shape"
    assert loaded_after(code) & {"torch", "diffusers", "transformers", "huggingface_hub"} == set()


def test_models_are_listed_and_located_without_torch():
    code = "import spatia_bridge.models.catalogue, spatia_bridge.models.library, spatia_bridge.models.checkpoint"
    assert loaded_after(code) == set()
