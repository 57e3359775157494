"""What Unreal's build tools ask of a plug-in's files before they compile any of them."""

import json
import re
from pathlib import Path

import cv2
import pytest

from tests.engines.cores import CLIENTS
from tests.engines.unreal_stubs import make_headers

PLUGIN = CLIENTS / "unreal" / "SpatiaBridge"
SOURCE = PLUGIN / "Source"
MODULES = ("SpatiaBridgeCore", "SpatiaBridge", "SpatiaBridgeEditor")


def sources(module):
    return [path for path in (SOURCE / module).rglob("*") if path.suffix in (".h", ".cpp")]


def test_the_descriptor_names_each_module_and_no_other():
    plugin = json.loads((PLUGIN / "SpatiaBridge.uplugin").read_text())
    assert tuple(module["Name"] for module in plugin["Modules"]) == MODULES
    assert {module["Name"]: module["Type"] for module in plugin["Modules"]}["SpatiaBridgeEditor"] == "Editor"
    assert plugin["EngineVersion"].startswith("5.") and not plugin["CanContainContent"]
    assert [each["Name"] for each in plugin["Plugins"]] == ["LidarPointCloud"]  # whose classes the runtime module uses
    icon = cv2.imread(str(PLUGIN / "Resources" / "Icon128.png"), cv2.IMREAD_UNCHANGED)
    assert icon.shape[:2] == (128, 128) and icon[64, 64, 3] == 255


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_its_rules_and_one_entry_point(module):
    rules = (SOURCE / module / f"{module}.Build.cs").read_text()
    assert re.search(rf"class {module} : ModuleRules\b", rules) and f"public {module}(ReadOnlyTargetRules" in rules
    entries = [path.name for path in sources(module) if re.search(rf"IMPLEMENT_MODULE\(\w+, {module}\)", path.read_text())]
    assert len(entries) == 1


def test_modules_depend_downward_alone():
    own = {name: {path.name for path in sources(name)} for name in MODULES}
    for above, below in (("SpatiaBridgeCore", "SpatiaBridge"), ("SpatiaBridge", "SpatiaBridgeEditor")):
        included = {Path(each).name for path in sources(above) for each in re.findall(r'#include "([^"]+)"', path.read_text())}
        assert not included & own[below], f"{above} includes what is {below}'s"


def test_the_core_and_the_plain_headers_know_no_engine():
    plain = [path for path in sources("SpatiaBridgeCore") if path.parent.name != "Unreal"]
    for path in [
        *plain,
        SOURCE / "SpatiaBridge" / "Public" / "SpatiaOptics.h",
        SOURCE / "SpatiaBridge" / "Public" / "SpatiaTiles.h",
    ]:
        assert not re.search(r"CoreMinimal|\bF(Vector|String|Quat)\b|\bU(OBJECT|CLASS|PROPERTY)\b", path.read_text()), path.name


def test_reflected_headers_are_such_as_unreal_header_tool_takes():
    found = [path for module in MODULES for path in sources(module) if "GENERATED_BODY" in path.read_text()]
    assert len(found) >= 11
    for path in found:
        make_headers.generated(path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("UPROPERTY(BlueprintReadOnly)\n    uint32 Count = 0;", "uint32 Count"),
        ("UPROPERTY()\n    std::string Name;", "std::string Name"),
        ("UFUNCTION(BlueprintCallable)\n    void Take(uint64 Number);", "uint64"),
    ],
)
def test_what_it_would_refuse_is_refused(tmp_path, text, what):
    header = tmp_path / "Odd.h"
    body = f"USTRUCT()\nstruct FOdd {{\n    GENERATED_BODY()\n\n    {text}\n}};\n"
    header.write_text(f'#include "Odd.generated.h"\n\n{body}')
    with pytest.raises(make_headers.RefusedError, match=re.escape(what)):
        make_headers.generated(header)
    header.write_text(f'#include "Odd.generated.h"\n#include "CoreMinimal.h"\n\n{body}')
    with pytest.raises(make_headers.RefusedError, match="last include"):
        make_headers.generated(header)
