"""What the documents tell a newcomer to do can be done: links lead somewhere, targets and the sample are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from regsweep.api.conditions import ConditionType, Reason
from regsweep.api.validation import parse_sweep

CHECKOUT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "docs/adr", "manifests/monitoring", "manifests/templates")
    for path in (CHECKOUT / folder).glob("*.md")
)
README = (CHECKOUT / "README.md").read_text()


@pytest.mark.parametrize("document", [pytest.param(path, id=str(path.relative_to(CHECKOUT))) for path in DOCUMENTS])
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"\bmake ([a-z0-9]+(?:-[a-z0-9]+)*)\b", _code(document.read_text())):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{document.name}: make {target}"


def test_the_sweep_in_the_readme_is_valid() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    parse_sweep(yaml.safe_load(example))


def test_every_decision_is_listed() -> None:
    folder = CHECKOUT / "docs" / "adr"
    listed = re.findall(r"\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_every_reason_that_troubleshooting_names_exists() -> None:
    text = (CHECKOUT / "docs" / "troubleshooting.md").read_text()
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    named = {word for cell in cells for word in re.findall(r"`([A-Z][A-Za-z]+)`", cell)}
    known = {*(reason.value for reason in Reason), *(kind.value for kind in ConditionType)}
    assert len(named) > 10
    assert named <= known


def test_every_step_of_the_walk_through_the_modules_is_there() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    walk = text[text.index(" CLUSTER  ") :]
    steps = re.findall(r"((?:[a-z_]+/)+[a-z_]+): ([A-Za-z_]+)", walk[: walk.index("```")])
    assert len(steps) > 20
    package = CHECKOUT / "operator/src/regsweep"
    roots = (
        package,
        package / "core",
        package / "controller",
        CHECKOUT / "images/kit/src",
        CHECKOUT / "images/trainer/src",
    )
    for module, name in steps:
        files = [
            file for root in roots for file in (root / f"{module}.py", *(root / module).glob("*.py")) if file.exists()
        ]
        assert files, module
        words = {word for file in files for word in re.findall(r"\w+", file.read_text())}
        assert name in words, f"{module}: {name}"


def _code(text: str) -> str:
    """What is marked as code: indented lines and words in backticks."""
    indented = [line for line in text.splitlines() if line.startswith("    ")]
    return "\n".join((*indented, *re.findall(r"`([^`\n]+)`", text)))
