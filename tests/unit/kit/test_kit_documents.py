"""docs/trainer-contract.md lists every variable and every reason that the kit knows, and no other."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from regsweep_kit import errors
from regsweep_kit.contract import read_contract, termination_log

CONTRACT = (Path(__file__).parents[3] / "docs" / "trainer-contract.md").read_text()


class Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_variable_is_documented() -> None:
    environment = Asked()
    read_contract(environment)
    termination_log(environment)
    section = CONTRACT.split("## In: environment variables")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)} == environment.names


def test_every_reason_is_documented_with_its_exit_code() -> None:
    known: list[type[errors.TrainerError]] = [errors.TrainerError, *errors.TrainerError.__subclasses__()]
    listed = dict(re.findall(r"^\| ([A-Z][A-Za-z]+) \| (\d+)", CONTRACT, re.MULTILINE))
    expected = {error.reason: str(error.exit_code) for error in known} | {"Terminated": "128"}
    del expected[errors.RecordUnwritableError.reason]  # there is no message to name it in
    assert listed == expected


def test_the_tree_of_errors_shows_each_error_with_its_exit_code() -> None:
    for error in errors.TrainerError.__subclasses__():
        assert re.search(rf"── {error.__name__} +{error.exit_code}  ", errors.__doc__ or ""), error
