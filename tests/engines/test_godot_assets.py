"""Exported GLBs through Godot's own importer: the same points, a surface, a static body, a camera on a timeline."""

import json
import subprocess

import numpy as np
import pytest

from spatia_bridge.export import export_file
from spatia_bridge.export.camera_path import write_camera_path
from spatia_bridge.export.glb import GlbExporter
from spatia_bridge.export.mesh import ColliderExporter, MeshExporter
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import trajectory_of
from tests.engines.scene import FLIP
from tests.export.scenes import lettered_room, points_of
from tests.worlds import camera

IMPORT_SECS = 300
SCRIPT = """
extends SceneTree

func _initialize():
    var told = {}
    for name in ["points", "mesh", "collider", "path"]:
        var found = {}
        _look(load("res://%s.glb" % name).instantiate(), found)
        told[name] = found
    print("TOLD " + JSON.stringify(told))
    quit()

func _look(node, found):
    if node is MeshInstance3D:
        var arrays = node.mesh.surface_get_arrays(0)
        var box = node.mesh.get_aabb()
        found["primitive"] = node.mesh.surface_get_primitive_type(0)
        found["vertices"] = arrays[Mesh.ARRAY_VERTEX].size()
        found["low"] = [box.position.x, box.position.y, box.position.z]
        found["high"] = [box.end.x, box.end.y, box.end.z]
        var places = arrays[Mesh.ARRAY_VERTEX]
        var colours = arrays[Mesh.ARRAY_COLOR]
        found["some"] = []
        for i in range(0, places.size(), places.size() / 50):
            var c = colours[i].linear_to_srgb()
            found["some"].append([places[i].x, places[i].y, places[i].z, c.r * 255, c.g * 255, c.b * 255])
    if node is StaticBody3D:
        found["body"] = node.get_child_count()
    if node is CollisionShape3D:
        found["faces"] = node.shape.get_faces().size() / 3
    if node is Camera3D:
        found["fov"] = node.fov
    if node is AnimationPlayer:
        found["seconds"] = node.get_animation(node.get_animation_list()[0]).length
    for child in node.get_children():
        _look(child, found)
"""


@pytest.fixture(scope="module")
def told(godot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    (folder / "project.godot").write_text('config_version=5\n[application]\nconfig/name="assets"\n')
    (folder / "look.gd").write_text(SCRIPT.replace("    ", "\t"))
    exporters = {"points": GlbExporter(), "mesh": MeshExporter(20_000, 40_000), "collider": ColliderExporter(2_000, 20_000)}
    for name, exporter in exporters.items():
        export_file(folder / f"{name}.glb", exporter, lettered_room(), Engine.OPENCV)
    path = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in (0.0, 0.3, 0.9)], 2.0)
    (folder / "path.glb").write_bytes(write_camera_path(path))
    words = [godot.binary, "--headless", "--audio-driver", "Dummy", "--path", str(folder)]
    for more in (["--import"], ["--script", "res://look.gd"]):
        done = subprocess.run(
            godot.command(folder, *words, *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=IMPORT_SECS
        )
    line = next((line for line in done.stdout.splitlines() if line.startswith("TOLD ")), None)
    assert line, done.stdout
    return json.loads(line[5:])


def test_points_arrive_where_they_are_and_in_their_colours(told):
    places, rgb = points_of(lettered_room())
    places = places @ FLIP
    found = told["points"]
    assert found["primitive"] == 0 and found["vertices"] == len(places)
    np.testing.assert_allclose([found["low"], found["high"]], [places.min(axis=0), places.max(axis=0)], atol=1e-3)
    for x, y, z, *colour in found["some"]:
        at = np.abs(places - (x, y, z)).max(axis=1).argmin()
        assert np.abs(places[at] - (x, y, z)).max() < 1e-3 and np.abs(rgb[at] - colour).max() < 8  # Godot keeps 8 linear bits


def test_the_surface_arrives_as_triangles(told):
    assert told["mesh"]["primitive"] == 3 and 5_000 < told["mesh"]["vertices"] < 60_000
    np.testing.assert_allclose(told["mesh"]["low"], told["points"]["low"], atol=0.3)


def test_the_collider_becomes_a_static_body_and_nothing_to_see(told):
    assert told["collider"]["body"] == 1 and 1_000 < told["collider"]["faces"] <= 2_000 and "primitive" not in told["collider"]


def test_the_path_becomes_an_animated_camera(told):
    assert told["path"]["seconds"] == pytest.approx(1.0)
    assert told["path"]["fov"] == pytest.approx(np.degrees(2 * np.arctan(32 / 86.4)), abs=0.01)
