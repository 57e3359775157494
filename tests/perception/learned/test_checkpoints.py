"""Networks saved as publishers save them load from their folder, alike to the bit; what is wrong with a folder is said."""

import json
import shutil

import numpy as np
import pytest

from spatia_bridge.errors import CorruptWeightsError, InvalidInputError, MissingWeightsError
from spatia_bridge.models.shared import forget
from spatia_bridge.perception.learned import grounding, sam2, sam3, transformers_depth
from spatia_bridge.perception.learned.grounding import Grounding
from spatia_bridge.perception.learned.loading import network
from spatia_bridge.perception.learned.sam2 import Sam2
from spatia_bridge.perception.learned.sam3 import Sam3
from spatia_bridge.perception.learned.transformers_depth import TransformersDepth
from tests.contracts.segment import VIEWS, WORDS
from tests.worlds import look

pytest.importorskip("transformers")
PICTURE = look(VIEWS[0])
MODULES = {"depth": transformers_depth, "grounding": grounding, "sam2": sam2, "sam3": sam3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """config.json and model.safetensors of each tiny network; tokenizers beside those that read words."""
    made = {}
    for name, module in MODULES.items():
        made[name] = tmp_path_factory.mktemp(name)
        network(module.CARD, "random-tiny", "cpu", module._load, module._make_tiny).save_pretrained(made[name])
    grounding._tiny_tokenizer().save_pretrained(made["grounding"])
    sam3._tiny_tokenizer().save_pretrained(made["sam3"])
    return {name: str(folder) for name, folder in made.items()}


def test_depth_from_a_folder_is_that_of_what_was_saved(folders):
    found, same = (
        TransformersDepth(w).estimate(PICTURE.colour, PICTURE.camera.intrinsics) for w in (folders["depth"], "random-tiny")
    )
    assert np.array_equal(found.depth_m, same.depth_m)


def test_masks_and_boxes_from_folders_are_those_of_what_was_saved(folders):
    boxes, same = (Grounding(w).boxes(PICTURE.colour, WORDS) for w in (folders["grounding"], "random-tiny"))
    assert len(boxes) and np.array_equal(boxes, same)
    makers = {
        Sam2("random-tiny"): Sam2(folders["sam2"], boxes=folders["grounding"]),
        Sam3("random-tiny"): Sam3(folders["sam3"]),
    }
    for tiny, loaded in makers.items():
        one, other = tiny.track(WORDS), loaded.track(WORDS)
        for view in VIEWS[:2]:
            colour = look(view).colour
            assert np.array_equal(one(colour), other(colour))


def estimate(folder):
    return TransformersDepth(str(folder)).estimate(PICTURE.colour, PICTURE.camera.intrinsics)


@pytest.fixture
def copied(folders, tmp_path):
    return shutil.copytree(folders["depth"], tmp_path / "copy")


def test_a_truncated_file_is_refused_and_the_whole_one_loads_after(copied, folders):
    file = copied / "model.safetensors"
    whole = file.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 100, 4, 0):
        file.write_bytes(whole[:size])
        with pytest.raises(CorruptWeightsError, match="truncated"):
            estimate(copied)
    file.write_bytes(whole)
    assert np.array_equal(estimate(copied).depth_m, estimate(folders["depth"]).depth_m)


def test_a_pickle_is_refused_unread(copied):
    import torch

    (copied / "model.safetensors").unlink()
    with pytest.raises(MissingWeightsError, match="no safetensors"):
        estimate(copied)
    torch.save({"a": torch.zeros(1)}, copied / "pytorch_model.bin")
    with pytest.raises(CorruptWeightsError, match="pickle"):
        estimate(copied)
    shutil.copy(copied / "pytorch_model.bin", copied / "model.safetensors")
    with pytest.raises(CorruptWeightsError, match="pickle"):
        estimate(copied)


def test_folders_that_are_not_of_this_model_are_refused(copied, folders, tmp_path):
    with pytest.raises(MissingWeightsError, match="no folder"):
        estimate(tmp_path / "nothing")
    with pytest.raises(InvalidInputError, match="type 'sam2_video'"):
        estimate(folders["sam2"])
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "fusion_hidden_size": 24}))
    with pytest.raises(CorruptWeightsError, match="another model"):
        estimate(copied)
    (copied / "config.json").write_text(json.dumps({**config, "depth_estimation_type": "relative"}))
    with pytest.raises(InvalidInputError, match="relative"):
        estimate(copied)
    (copied / "config.json").write_text("{")
    with pytest.raises(CorruptWeightsError, match="JSON"):
        estimate(copied)
    (copied / "config.json").unlink()
    with pytest.raises(MissingWeightsError, match=r"config\.json"):
        estimate(copied)


def test_a_parameter_that_lacks_is_not_made_up(copied):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    tensors.pop("head.conv1.weight")
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CorruptWeightsError, match=r"no head\.conv1\.weight"):
        estimate(copied)


def test_a_folder_without_its_tokenizer_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders["grounding"], tmp_path / "copy", ignore=shutil.ignore_patterns("tokenizer*", "vocab*"))
    with pytest.raises(MissingWeightsError, match="tokenizer"):
        Grounding(str(folder)).boxes(PICTURE.colour, WORDS)


def test_weights_that_were_never_fetched_are_named_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("SPATIA_BRIDGE_MODELS", str(tmp_path))
    for make in (lambda: estimate(""), lambda: Sam2().track(WORDS), lambda: Sam3().track(WORDS)):
        with pytest.raises(MissingWeightsError, match=r"models fetch (depth|sam)"):
            make()


def test_a_network_is_loaded_once(copied, monkeypatch):
    loads = []
    original = transformers_depth._load
    monkeypatch.setattr(transformers_depth, "_load", lambda folder: loads.append(folder) or original(folder))
    estimate(copied)
    estimate(copied)
    assert len(loads) == 1
    forget((transformers_depth.CARD, str(copied), "cpu"))


def test_pictures_are_resized_as_the_publisher_does():
    """Against transformers' own processor for Depth Anything, on a smooth picture: PIL rounds to 255ths, nothing else differs."""
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    from spatia_bridge.perception.learned.pictures import IMAGENET_MEAN, IMAGENET_STD, pixel_values

    processor = DPTImageProcessorPil(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14, image_mean=list(IMAGENET_MEAN),
        image_std=list(IMAGENET_STD), resample=3,
    )  # fmt: skip
    for height, width in ((64, 96), (90, 160), (200, 120), (40, 50)):
        colour = np.ascontiguousarray(np.tile(PICTURE.colour, (4, 2, 1))[:height, :width])
        theirs = processor(colour, return_tensors="pt")["pixel_values"]
        size = transformers_depth._size(height, width, 56)
        assert tuple(theirs.shape[2:]) == size
        ours = pixel_values([colour], size, "cpu", mode="bicubic")
        assert float((ours - theirs).abs().max()) < 0.02  # of a standard deviation, 1.1/255
