"""The site of the documentation: it is built as `make docs` builds it, and every page of docs/ is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.paths import CHECKOUT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site_and_can_be_found_from_its_first_page(site: Path) -> None:
    pages = {path.relative_to(CHECKOUT / "docs").with_suffix("") for path in (CHECKOUT / "docs").rglob("*.md")}
    built = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")} - {Path("404")}
    assert {path.parent / "index" if path.name == "README" else path for path in pages} == built
    listed = (CHECKOUT / "mkdocs.yml").read_text()
    for page in (CHECKOUT / "docs").glob("*.md"):
        assert page.name in listed, f"mkdocs.yml: nav does not have {page.name}"


def test_links_that_leave_the_documentation_lead_to_files_of_the_repository(site: Path) -> None:
    outside = set()
    for page in site.rglob("*.html"):
        outside |= set(re.findall(r'href="https://github\.com/regsweep/regsweep/blob/main/([^"#]+)', page.read_text()))
    assert len(outside) > 5
    assert not [link for link in outside if not (CHECKOUT / link).exists()]


def test_a_page_asks_nothing_of_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not re.findall(r'(?:src|rel="stylesheet" href)="https?://', page.read_text()), page.name
