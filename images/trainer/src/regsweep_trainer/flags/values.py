"""Types of flags' values. A number may arrive as a string, since YAML reads `1e-4` as one; any other wrong type is refused."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

MOST_LAYERS = 64


def _number(value: Any) -> Any:
    """A string becomes the number it spells; true and false are no numbers, though Python thinks so."""
    if isinstance(value, bool):
        raise ValueError("not a number")
    if isinstance(value, str):
        return float(value)
    return value


def _numbers(value: Any) -> Any:
    return [_number(item) for item in value] if isinstance(value, list) else _number(value)


def _text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("empty")
    return value


Integer = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_text)]

Width = Annotated[int, Field(ge=1, le=65536)]
Widths = Annotated[list[Width], Field(max_length=MOST_LAYERS)]
Units: TypeAlias = Annotated[Width | Widths, BeforeValidator(_numbers)]
HiddenUnits: TypeAlias = Annotated[Widths, BeforeValidator(_numbers)]
Filters: TypeAlias = Annotated[Widths, BeforeValidator(_numbers)]

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Shares = Annotated[list[Share], Field(max_length=MOST_LAYERS)]
SharesByLayer: TypeAlias = Annotated[Share | Shares, BeforeValidator(_numbers)]
"""One for all hidden layers, or one for each."""

ClassWeight = Annotated[float, BeforeValidator(_number), Field(gt=0, le=1e6, allow_inf_nan=False)]

Side = Annotated[int, Field(ge=1, le=4096)]
Image: TypeAlias = Annotated[list[Side], Field(min_length=2, max_length=3), BeforeValidator(_numbers)]

SHARE = "a number from 0 to below 1"
SHARES = f"{SHARE}, or a list of one for each hidden layer"
PENALTY = "a number of at least 0"


def flag(default: Any, want: str, description: str, **bounds: Any) -> Any:
    """A flag's default, the values it may have in words (for people), the same as bounds (for the check), and its meaning."""
    return Field(default, description=description, json_schema_extra={"want": want}, **bounds)
