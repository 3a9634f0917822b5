"""What every typed part of the API has in common: camelCase outside, frozen inside, no unknown fields."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """Base of the API's types. Unknown fields are refused, so that a typo is an error and not a default."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def to_json(self) -> dict[str, Any]:
        """The object as the API server stores it: aliases, JSON types, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
