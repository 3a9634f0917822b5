"""Somebody's scripts come under a sweep with at most five changed lines each, and the guide shows them as they are."""

import difflib
import re
from pathlib import Path

import pytest

KIT = Path(__file__).parents[3] / "images" / "kit"
BEFORE, AFTER = KIT / "examples" / "before", KIT / "examples" / "after"
NAMES = sorted(path.stem for path in BEFORE.glob("*.py"))


def lines(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.py").read_text().splitlines()


def test_each_script_is_there_before_and_after() -> None:
    assert sorted(path.stem for path in AFTER.glob("*.py")) == NAMES
    assert len(NAMES) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_at_most_five_lines_are_changed(name: str) -> None:
    steps = difflib.SequenceMatcher(None, lines(BEFORE, name), lines(AFTER, name), autojunk=False).get_opcodes()
    changed = sum(max(old_end - old, new_end - new) for kind, old, old_end, new, new_end in steps if kind != "equal")
    assert 0 < changed <= 5
    assert "regsweep" not in "\n".join(lines(BEFORE, name))


def test_the_guide_shows_the_change_as_it_is() -> None:
    (shown,) = re.findall(r"^```diff\n(.*?)^```$", (KIT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    change = list(difflib.unified_diff(lines(BEFORE, "digits"), lines(AFTER, "digits"), n=1, lineterm=""))[2:]
    assert shown.splitlines() == [line for line in change if not line.startswith("@@")]
