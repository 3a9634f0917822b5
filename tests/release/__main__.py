"""``python -m release``: set the version everywhere, build all that a release publishes, or say what is new in it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.errors import ClusterError
from release import artifacts, version


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 1 with a line that says why."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    actions = parser.add_subparsers(required=True, dest="action")
    setting = actions.add_parser("set-version", help="state this version in every place")
    setting.add_argument("version", type=_semantic)
    actions.add_parser("notes", help="print what CHANGELOG.md says of the version")
    building = actions.add_parser("build", help="build everything and publish nothing")
    building.add_argument("--folder", type=Path, default=version.CHECKOUT / "dist")
    building.add_argument("--without-images", action="store_true", help="images need root and minutes")
    options = parser.parse_args(arguments)
    if options.action == "set-version":
        changed = version.write(options.version)
        print("\n".join(map(str, changed)) or f"it is {options.version} already")
        return 0
    try:
        if options.action == "notes":
            print(version.notes(version.current()), end="")
            return 0
        files = artifacts.build(options.folder, with_images=not options.without_images)
    except (ClusterError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(artifacts.listing(options.folder, files))
    return 0


def _semantic(text: str) -> str:
    # Helm wants semantic versions and Python its own kind: without a suffix they are one.
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: three numbers are expected, for example 0.2.0")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
