"""A bill of materials names what lies in the package, and fits CycloneDX's schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zigzag_package.bill import bill

SHA = "ab" * 32


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, version, told in (
        ("Typing_Extensions", "4.0", "License-Expression: PSF-2.0\n"),
        ("old", "1", "License: BSD\n"),
        ("older", "2", "Classifier: License :: OSI Approved :: MIT License\n"),
        ("unknown", "3", ""),
    ):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (tmp_path / f"{name}.py").write_text(f"# {name}")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{told}")
        (info / "RECORD").write_text(f"{name}.py,,\n{info.name}/METADATA,,\n")
    (tmp_path / "worker").mkdir()
    return tmp_path


def components(text: str) -> dict[str, Any]:
    return {one["purl"]: one for one in json.loads(text)["components"]}


def test_each_package_has_its_purl_version_and_licence(package: Path) -> None:
    found = components(bill(package, SHA, "1.2"))

    assert {purl: one.get("licenses") for purl, one in found.items()} == {
        "pkg:pypi/typing-extensions@4.0": [{"license": {"id": "PSF-2.0"}}],
        "pkg:pypi/old@1": [{"license": {"name": "BSD"}}],
        "pkg:pypi/older@2": [{"license": {"name": "MIT License"}}],
        "pkg:pypi/unknown@3": None,
    }


def test_the_zip_is_the_main_component_and_needs_them_all(package: Path) -> None:
    told = json.loads(bill(package, SHA, "1.2"))
    main = told["metadata"]["component"]

    assert (main["version"], main["hashes"]) == ("1.2", [{"alg": "SHA-256", "content": SHA}])
    needs = {one["ref"]: one.get("dependsOn") for one in told["dependencies"]}
    assert needs[main["bom-ref"]] == sorted(one["bom-ref"] for one in told["components"])


def test_a_changed_file_has_another_hash_and_the_same_package_the_same_bill(package: Path) -> None:
    before = bill(package, SHA, "1.2")
    assert bill(package, SHA, "1.2") == before

    (package / "old.py").write_text("# changed")

    assert "timestamp" not in json.loads(before)["metadata"]
    old, new = components(before), components(bill(package, SHA, "1.2"))
    assert [purl for purl in old if old[purl]["hashes"] != new[purl]["hashes"]] == ["pkg:pypi/old@1"]


def test_a_bill_that_does_not_fit_the_schema_is_refused(package: Path) -> None:
    with pytest.raises(ValueError, match="does not fit the schema"):
        bill(package, "no hash", "1.2")
