"""All distributions, the chart and the lock file have one version."""

from __future__ import annotations

from pathlib import Path

import pytest

from release import version


@pytest.mark.parametrize("place", version.PLACES, ids=str)
def test_each_place_states_the_version_of_the_operator(place: Path) -> None:
    assert set(version.stated(place)) == {version.current()}


def test_a_new_version_is_written_to_every_place_and_to_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {}
    for place in version.PLACES:
        before[place] = (version.CHECKOUT / place).read_text(encoding="utf-8")
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(before[place], encoding="utf-8")
    old = version.current()
    monkeypatch.setattr(version, "CHECKOUT", tmp_path)
    assert version.write("987.6.5") == list(version.PLACES)
    for place, text in before.items():
        after = (tmp_path / place).read_text(encoding="utf-8")
        assert after.count("987.6.5") == len(version.PLACES[place])
        assert after.replace("987.6.5", old) == text


def test_a_file_that_no_longer_states_it_once_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "CHECKOUT", tmp_path)
    (tmp_path / "operator").mkdir()
    (tmp_path / version.SOURCE).write_text('[project]\nname = "regsweep"\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"operator/pyproject\.toml: 0 lines"):
        version.current()


CHANGES = """\
# Changelog
## Unreleased
- something
## 1.2.3 (2026-11-26)
### Added
- a thing

## 1.2
## 1.1
- old
"""


def test_the_notes_of_a_release_are_its_part_of_the_changelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "CHECKOUT", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
    assert version.notes("1.2.3") == "### Added\n- a thing\n"
    assert version.notes("1.1") == "- old\n"
    for missing in ("1.2", "2.0.0"):
        with pytest.raises(ValueError, match=f"no heading `## {missing}` with something below it"):
            version.notes(missing)
