"""What a video says of its making, read by exiftool."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from spatia_bridge.evaluation.video import write_video
from spatia_bridge.export.credentials import TRAINED, mark_generated


def test_exiftool_reads_the_statement(tmp_path):
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    video = tmp_path / "a.mp4"
    write_video(video, [np.full((64, 96, 3), 40 * shade, np.uint8) for shade in range(5)], 16)
    mark_generated(video, "a<b&c")
    done = subprocess.run(["exiftool", "-json", "-XMP:all", str(video)], capture_output=True, check=True, text=True)
    (found,) = json.loads(done.stdout)
    assert "a<b&c" in found["CreatorTool"]
    assert "rained" in found["DigitalSourceType"] or found["DigitalSourceType"] == TRAINED
