"""What is published of a Python distribution: one version of ours, and a page whose links lead somewhere."""

from __future__ import annotations

import re
import tomllib

import pytest

from release import distributions, version
from release.distributions import DISTRIBUTIONS, as_published, with_addresses


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_wants_our_others_in_its_own_version(name: str) -> None:
    place, _ = DISTRIBUTIONS[name]
    text = (version.CHECKOUT / place / "pyproject.toml").read_text()
    project = tomllib.loads(as_published(text, "1.2.3"))["project"]
    assert (project["name"], project["readme"], project["license-files"]) == (name, "README.md", ["LICENSE"])
    extras = project.get("optional-dependencies", {}).values()
    wanted = [each for group in (project["dependencies"], *extras) for each in group if each.startswith("regsweep")]
    assert all(each.endswith("==1.2.3") for each in wanted)
    assert sum(name.startswith("regsweep") for name in re.findall(r'^  "([\w-]+)', text, re.MULTILINE)) <= len(wanted)


def test_every_build_uses_one_version_of_the_backend_that_writes_into_the_wheel() -> None:
    for place, _ in DISTRIBUTIONS.values():
        (backend,) = tomllib.loads((version.CHECKOUT / place / "pyproject.toml").read_text())["build-system"][
            "requires"
        ]
        assert re.fullmatch(r"hatchling==[\d.]+", backend), place


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("[a](../../docs/install.md#images)", "[a](https://g.test/v1/docs/install.md#images)"),
        ("[a](examples)", "[a](https://g.test/v1/images/kit/examples)"),
        ("[a](https://b.test)", "[a](https://b.test)"),
        ("[a](#below)", "[a](#below)"),
        (
            "`f(x)` and [a](b.md), [c](d.md)",
            "`f(x)` and [a](https://g.test/v1/images/kit/b.md), [c](https://g.test/v1/images/kit/d.md)",
        ),
    ],
)
def test_a_link_of_the_page_leads_to_the_repository(link: str, leads_to: str) -> None:
    assert with_addresses(link, "images/kit", "https://g.test/v1") == leads_to


def test_the_folders_and_pages_are_there() -> None:
    for place, page in distributions.DISTRIBUTIONS.values():
        assert (version.CHECKOUT / place / "pyproject.toml").is_file()
        assert (version.CHECKOUT / page).is_file()
