"""What Unity asks of a package's files before it reads any of them."""

import json
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "engine_clients" / "unity" / "com.spatia.bridge"


def test_every_asset_has_a_meta_file_of_its_own():
    """Unity ignores what has none in a package that came from git."""
    assets = {path for path in PACKAGE.rglob("*") if path.suffix != ".meta" and "~" not in path.as_posix()}
    metas = {path for path in PACKAGE.rglob("*.meta")}
    assert metas == {path.with_name(path.name + ".meta") for path in assets}
    guids = [re.search(r"^guid: ([0-9a-f]{32})$", path.read_text(), re.MULTILINE)[1] for path in sorted(metas)]
    assert len(set(guids)) == len(guids)


def test_the_core_knows_no_engine():
    definition = json.loads((PACKAGE / "Runtime" / "Core" / "Spatia.Bridge.Core.asmdef").read_text())
    assert definition["noEngineReferences"] and not definition["references"]
    for path in (PACKAGE / "Runtime" / "Core").glob("*.cs"):
        assert "UnityEngine" not in path.read_text()


def test_the_manifest_names_package_and_oldest_editor():
    manifest = json.loads((PACKAGE / "package.json").read_text())
    assert (manifest["name"], manifest["unity"]) == (PACKAGE.name, "2021.3")
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
