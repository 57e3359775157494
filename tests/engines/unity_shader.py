"""Unity's shaders without Unity: the package's HLSL compiled by glslang, and drawn as OpenGL by what spirv-cross makes of it.

Unity's own includes are not here; small stand-ins declare the same names. ShaderLab around the HLSL (render state, tags, order of
passes) is only read for its programs.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from tests.engines.cores import CLIENTS, NoToolsError
from tests.engines.unity_scene import FLIP

SHADERS = CLIENTS / "unity" / "com.spatia.bridge" / "Runtime" / "Resources" / "Spatia"
NEAR_M, FAR_M = 0.05, 100.0
_UNIFORMS = """
cbuffer UnityPerCamera
{
    float4x4 unity_MatrixVP;
    float4x4 unity_MatrixV;
    float4x4 glstate_matrix_projection;
    float4 _ScreenParams;
};
cbuffer UnityPerDraw { float4x4 unity_ObjectToWorld; };
#define UNITY_MATRIX_VP unity_MatrixVP
#define UNITY_MATRIX_V unity_MatrixV
#define UNITY_MATRIX_P glstate_matrix_projection
"""
_INCLUDES = {
    "UnityCG.cginc": _UNIFORMS
    + "float4 UnityObjectToClipPos(float4 p) { return mul(UNITY_MATRIX_VP, mul(unity_ObjectToWorld, float4(p.xyz, 1.0))); }\n",
    "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl": _UNIFORMS,
    "Packages/com.unity.render-pipelines.core/ShaderLibrary/Common.hlsl": "",
    "Packages/com.unity.render-pipelines.high-definition/Runtime/ShaderLibrary/ShaderVariables.hlsl": _UNIFORMS
    + "#define SHADEROPTIONS_CAMERA_RELATIVE_RENDERING 1\n"
    "cbuffer ShaderVariablesGlobal { float4 _ScreenSize; float4 _WorldSpaceCameraPos; float _Exposure; };\n"
    "float GetInverseCurrentExposureMultiplier() { return _Exposure; }\n",
}


@dataclass(frozen=True)
class Program:
    """One HLSL program of a ShaderLab file.

    Attributes:
        entries: the functions of the vertex and of the fragment stage.
    """

    source: str
    entries: dict[str, str]


def programs(shader: str) -> list[Program]:
    """The programs of a file, in its order."""
    blocks = re.findall(r"HLSLPROGRAM(.*?)ENDHLSL", (SHADERS / f"{shader}.shader").read_text(), re.DOTALL)
    return [
        Program(block, {stage: re.search(rf"#pragma {stage}\w* (\w+)", block)[1] for stage in ("vert", "frag")})
        for block in blocks
    ]


def compile_stage(program: Program, stage: str, folder: Path, *defines: str) -> str:
    """Compile as HLSL, validate the SPIR-V, and give it back as GLSL 4.30.

    Raises:
        NoToolsError: a tool is not installed.
        AssertionError: it does not compile; the message is the compiler's.
    """
    for tool in ("glslangValidator", "spirv-val", "spirv-cross"):
        if shutil.which(tool) is None:
            raise NoToolsError(f"{tool} is not here: install glslang-tools spirv-tools spirv-cross")
    for name, text in _INCLUDES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source, made = folder / "program.hlsl", folder / f"{stage}.spv"
    source.write_text(program.source)
    flags = ["-D", "-V", "--auto-map-bindings", "--auto-map-locations", "--hlsl-offsets", *(f"-D{name}" for name in defines)]
    where = [f"-I{SHADERS}", f"-I{folder}"]
    _run("glslangValidator", *flags, *where, "-S", stage, "-e", program.entries[stage], "-o", str(made), str(source))
    _run("spirv-val", str(made))
    return _run("spirv-cross", "--version", "430", "--no-es", str(made))


def projection_of(view: Camera) -> npt.NDArray[np.float64]:
    """OpenGL's projection (4, 4), as Camera.projectionMatrix has it, from the server's intrinsics."""
    k = view.intrinsics
    found = np.zeros((4, 4))
    found[0, 0], found[1, 1] = 2 * k.fx / k.width, 2 * k.fy / k.height
    found[0, 2], found[1, 2] = 1 - 2 * k.cx / k.width, 2 * k.cy / k.height - 1
    found[2, 2:] = -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    found[3, 2] = -1
    return found


def view_of(view: Camera) -> npt.NDArray[np.float64]:
    """Unity's view matrix (4, 4): the world's axes are Unity's, the camera looks along −z."""
    flip = se3.from_parts(FLIP, np.zeros(3))
    return np.diag([1.0, 1.0, -1.0, 1.0]) @ flip @ np.linalg.inv(view.world_from_camera) @ flip


class PointRenderer:
    """Draws what SpatiaMemory asked to be drawn, by the package's own shader."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        import moderngl

        self._gl: Any = moderngl.create_standalone_context(backend="egl", require=430)
        program = programs("SpatiaPoints")[-1]  # the built-in pipeline's
        vertex, fragment = (compile_stage(program, stage, folder, "UNITY_COLORSPACE_GAMMA") for stage in ("vert", "frag"))
        fragment = fragment.replace(" read_", " _entryPointOutput_").replace("(read_", "(_entryPointOutput_")
        fragment = fragment.replace("-read_", "-_entryPointOutput_").replace("out vec4 _entryPointOutput;", "out vec4 target;")
        fragment = fragment.replace("_entryPointOutput = ", "target = ")
        self._program: Any = self._gl.program(vertex_shader=vertex, fragment_shader=fragment)
        self._size = size
        self._target: Any = self._gl.framebuffer(self._gl.texture(size, 4), self._gl.depth_renderbuffer(size))

    def draw(self, calls: list[dict[str, Any]], view: Camera, point_size: float = 1.0) -> npt.NDArray[np.uint8]:
        """The picture (H, W, 3), black where there is nothing."""
        self._target.use()
        self._target.clear(depth=1.0)
        self._gl.enable(self._gl.DEPTH_TEST)
        projection, look = projection_of(view), view_of(view)
        per_camera = [_packed(projection @ look), _packed(look), _packed(projection), np.float32([*self._size, 0, 0]).tobytes()]
        self._bind("UnityPerCamera", b"".join(per_camera))
        array = self._gl.vertex_array(self._program, [])
        for call in calls:
            affine = np.vstack([np.array(call["world_from_bytes"]).reshape(3, 4), [0, 0, 0, 1]])
            self._bind("_Global", _packed(affine) + np.float32([call["spread"], point_size, 0, 0]).tobytes())
            records = self._gl.buffer(call["records"])
            records.bind_to_storage_buffer(self._program["_SpatiaRecords"].binding)
            array.render(self._gl.TRIANGLES, vertices=call["vertices"])
            self._gl.finish()
            records.release()
        rows = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8)
        return rows.reshape(self._size[1], self._size[0], 3)[::-1]

    def close(self) -> None:
        self._gl.release()

    def _bind(self, block: str, data: bytes) -> None:
        buffer = self._gl.buffer(data)
        buffer.bind_to_uniform_block(self._program[block].binding)


def _packed(transform: npt.NDArray[np.float64]) -> bytes:
    """As HLSL lays a matrix out: column by column."""
    return np.ascontiguousarray(transform.T, np.float32).tobytes()


def _run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
    return done.stdout
