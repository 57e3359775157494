"""What Unity asks of a package's files before it reads any of them."""

import json
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "engine_clients" / "unity" / "com.spatia.bridge"
ASSEMBLIES = {path.stem: path for path in PACKAGE.rglob("*.asmdef")}
OPTIONAL = {  # assemblies of other packages, and the define that says that they are there
    "UnityEngine.UI": ("com.unity.ugui", "SPATIA_UGUI"),
    "Unity.Timeline": ("com.unity.timeline", "SPATIA_TIMELINE"),
}


def test_every_asset_has_a_meta_file_of_its_own():
    """Unity ignores what has none in a package that came from git."""
    assets = {path for path in PACKAGE.rglob("*") if path.suffix != ".meta" and "~" not in path.as_posix()}
    metas = {path for path in PACKAGE.rglob("*.meta")}
    assert metas == {path.with_name(path.name + ".meta") for path in assets}
    guids = [re.search(r"^guid: ([0-9a-f]{32})$", path.read_text(), re.MULTILINE)[1] for path in sorted(metas)]
    assert len(set(guids)) == len(guids)


def test_the_core_knows_no_engine():
    definition = json.loads(ASSEMBLIES["Spatia.Bridge.Core"].read_text())
    assert definition["noEngineReferences"] and not definition["references"]
    for path in (PACKAGE / "Runtime" / "Core").glob("*.cs"):
        assert "UnityEngine" not in path.read_text()


def test_assemblies_refer_to_what_there_is_and_guard_what_there_may_be():
    for name, path in ASSEMBLIES.items():
        definition = json.loads(path.read_text())
        assert definition["name"] == name
        defined = {(each["name"], each["define"]) for each in definition["versionDefines"]}
        for reference in definition["references"]:
            assert reference in ASSEMBLIES or OPTIONAL[reference] in defined
        assert ("Editor" in path.relative_to(PACKAGE).parts) == (definition["includePlatforms"] == ["Editor"])
        for constraint in definition["defineConstraints"]:
            assert constraint in {define for _, define in defined}


def test_no_runtime_script_needs_the_editor():
    for path in (PACKAGE / "Runtime").rglob("*.cs"):
        outside = re.sub(r"#if UNITY_EDITOR.*?#endif", "", path.read_text(), flags=re.DOTALL)
        assert "UnityEditor" not in outside, path


def test_components_stand_in_files_of_their_names():
    """Else Unity does not let them be added to anything."""
    found = 0
    for path in [
        *(PACKAGE / "Runtime").rglob("*.cs"),
        *(PACKAGE / "Editor").rglob("*.cs"),
        *(PACKAGE / "Samples~").rglob("*.cs"),
    ]:
        for name in re.findall(
            r"class (\w+) : (?:MonoBehaviour|ScriptableObject|EditorWindow|ScriptableSingleton<\w+>)", path.read_text()
        ):
            assert name == path.stem
            found += 1
    assert found >= 9


def test_what_is_loaded_by_name_is_there():
    named = set()
    for path in PACKAGE.rglob("*.cs"):
        named |= set(re.findall(r'Resources\.Load<Shader>\("([^"]+)"\)', path.read_text()))
    assert named and all((PACKAGE / "Runtime" / "Resources" / f"{name}.shader").exists() for name in named)


def test_the_manifest_names_package_oldest_editor_and_samples():
    manifest = json.loads((PACKAGE / "package.json").read_text())
    assert (manifest["name"], manifest["unity"]) == (PACKAGE.name, "2021.3")
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert f"## {manifest['version']}\n" in (PACKAGE / "CHANGELOG.md").read_text()
    assert all((PACKAGE / sample["path"]).is_dir() for sample in manifest["samples"])
    assert (PACKAGE / "LICENSE.md").exists() and (PACKAGE / "Documentation~" / "index.md").exists()
