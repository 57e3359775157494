"""Profiles name what there is; options reach the generator they are for, and no other."""

import importlib.util

import pytest

from spatia_bridge.app import build_host, find_generators, usual_generator
from spatia_bridge.cli import main as command_line
from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.generation.wan_vace import WanVace
from spatia_bridge.models.catalogue import CATALOGUE
from spatia_bridge.perception.depth import find_depth_estimator
from spatia_bridge.profiles import DEFAULT_PROFILE, PROFILES, find_profile


def test_the_command_line_offers_them_all_the_default_first():
    assert tuple(PROFILES) == command_line.PROFILES and command_line.PROFILES[0] == DEFAULT_PROFILE


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_profile_names_is_there(name):
    profile = find_profile(name)
    generators = find_generators(name)
    assert profile.generator in generators and profile.options.keys() <= generators.keys()
    assert find_depth_estimator(profile.estimator).name == profile.estimator
    assert set(profile.models) <= CATALOGUE.keys()
    settings = getattr(generators[profile.generator](), "settings", None)
    assert settings is None or (settings.model in profile.models and settings.lora in ("", *profile.models))


def test_the_laptop_needs_no_download(tmp_path):
    laptop = PROFILES["laptop"]
    assert (laptop.generator, laptop.plain_generator, laptop.estimator, laptop.models) == ("tiny", "reproject", "layout", ())
    assert build_host(tmp_path).generators()[0].name == "tiny"


def test_photos_and_machines_without_torch_get_the_plain_generator(tmp_path, monkeypatch):
    assert (usual_generator(), usual_generator(photo=True)) == ("tiny", "reproject")
    assert usual_generator("workstation-24gb", photo=True) == "wan_vace"
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
    assert usual_generator() == "reproject" and build_host(tmp_path).generators()[0].name == "reproject"


def test_weights_are_the_chosen_generators_and_the_device_is_everyones():
    known = find_generators(chosen="wan_vace", weights="random-tiny", device="cpu")
    assert known["wan_vace"]().shape.new_frames == 25
    assert known["reproject"]().name == "reproject"
    assert find_generators("workstation-24gb")["wan_vace"]().settings.offload == "model"
    with pytest.raises(InvalidInputError, match="no weights"):
        find_generators(chosen="reproject", weights="random-tiny")["reproject"]()
    with pytest.raises(NotFoundError, match="laptop"):
        find_generators("phone")


def test_a_generator_knows_its_shape_before_anything_is_loaded():
    assert (WanVace().shape.new_frames + WanVace().shape.preceding_frames) % 4 == 1
