"""For the site (mkdocs.yml): links that leave docs/ lead to the repository, where those files are."""

from __future__ import annotations

import posixpath
import re
from typing import Final, Protocol

_LINK: Final = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")


class _File(Protocol):
    src_uri: str


class _Page(Protocol):
    file: _File


def on_page_markdown(markdown: str, page: _Page, config: dict[str, str], **_: object) -> str:
    """mkdocs calls it with the text of each page."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")

    def outside(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        if target == "docs" or target.startswith("docs/"):
            return link[0]
        return f"{link[1]}{config['repo_url'].rstrip('/')}/blob/main/{target}{link[3] or ''}{link[4]}"

    return _LINK.sub(outside, markdown)
