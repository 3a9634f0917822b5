"""The site of the documentation: it is built as `make docs` builds it, and every page of docs/ is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.paths import CHECKOUT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """mkdocs as `make docs` calls it. With --quiet it would count no warning, and so let every broken link pass."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *options]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("link", ["install.md#no-such-heading", "no-such-page.md", "runbooks"])
def test_a_link_that_leads_nowhere_is_an_error(link: str, tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "concepts.md").write_text(f"# Concepts\n[a]({link})\n")
    config = (CHECKOUT / "mkdocs.yml").read_text().replace("hooks: [docs/", f"hooks: [{tmp_path}/docs/")
    (tmp_path / "mkdocs.yml").write_text(config)
    done = build(tmp_path / "site", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert done.returncode == 1
    assert link in done.stderr


def test_every_page_is_in_the_site_and_can_be_found_from_its_first_page(site: Path) -> None:
    pages = {path.relative_to(CHECKOUT / "docs").with_suffix("") for path in (CHECKOUT / "docs").rglob("*.md")}
    built = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")} - {Path("404")}
    assert {path.parent / "index" if path.name == "README" else path for path in pages} == built
    listed = (CHECKOUT / "mkdocs.yml").read_text()
    for page in (CHECKOUT / "docs").glob("*.md"):
        assert page.name in listed, f"mkdocs.yml: nav does not have {page.name}"
    for folder in (CHECKOUT / "docs").glob("*/README.md"):
        assert f"{folder.parent.name}/README.md" in listed


def test_nothing_is_published_that_is_no_page_and_no_picture(site: Path) -> None:
    left = [path.relative_to(site) for path in site.rglob("*") if path.suffix in (".py", ".pyc", ".md")]
    assert left == []


def test_links_that_leave_the_documentation_lead_to_files_of_the_repository(site: Path) -> None:
    outside = set()
    for page in site.rglob("*.html"):
        outside |= set(re.findall(r'href="https://github\.com/regsweep/regsweep/blob/main/([^"#]+)', page.read_text()))
    assert len(outside) > 5
    assert not [link for link in outside if not (CHECKOUT / link).exists()]


def test_a_page_asks_nothing_of_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not re.findall(r'(?:src|rel="stylesheet" href)="https?://', page.read_text()), page.name
