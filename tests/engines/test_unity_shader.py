"""The package's HLSL by a real compiler, and its points as a picture."""

import itertools

import numpy as np
import pytest

from tests.engines.cores import NoToolsError
from tests.engines.unity_shader import SHADERS, compile_stage, programs

SHADER_NAMES = sorted(path.stem for path in SHADERS.glob("*.shader"))
PASSES = [(name, place) for name in SHADER_NAMES for place in range(len(programs(name)))]
VARIANTS = list(itertools.product((True, False), (True, False)))


@pytest.mark.parametrize(("name", "place"), PASSES, ids=str)
@pytest.mark.parametrize("stage", ["vert", "frag"])
def test_every_pass_compiles_in_every_variant(name, place, stage, tmp_path):
    program = programs(name)[place]
    for reversed_z, gamma in VARIANTS:
        defines = ["UNITY_REVERSED_Z"] * reversed_z + ["UNITY_COLORSPACE_GAMMA"] * gamma
        try:
            made = compile_stage(program, stage, tmp_path, *defines)
        except NoToolsError as error:
            pytest.skip(str(error))
        assert "void main()" in made
        if stage == "frag" and name != "SpatiaDistance":
            assert "gl_FragDepth" in made


def test_each_pipeline_has_its_own_subshader():
    for name in ("SpatiaPoints", "SpatiaBaked"):
        text = (SHADERS / f"{name}.shader").read_text()
        assert text.count("SubShader ") == 3 and text.count("{") == text.count("}")
        for pipeline, package in (("HDRenderPipeline", "high-definition"), ("UniversalPipeline", "universal")):
            assert f'"RenderPipeline" = "{pipeline}"' in text and f'"com.unity.render-pipelines.{package}": "12.0"' in text
        assert f'Shader "Spatia/{name}"' in text


@pytest.mark.parametrize("reversed_z", [True, False])
def test_distance_of_a_depth_buffer_is_the_distance(reversed_z):
    """The shader's formula against the depth that a frustum leaves in the buffer."""
    near, far = 0.3, 100.0
    distance = np.geomspace(near, far * 0.999, 50)
    device = (far + near) / (far - near) - 2 * far * near / (far - near) / distance
    buffer = (1 - device) / 2 if reversed_z else (1 + device) / 2
    nearness = buffer if reversed_z else 1 - buffer
    text = (SHADERS / "SpatiaDistance.shader").read_text()
    formula = "farthest * nearest / (nearness * (farthest - nearest) + nearest)"
    assert formula in text
    np.testing.assert_allclose(eval(formula, {"farthest": far, "nearest": near, "nearness": nearness}), distance, rtol=1e-9)
