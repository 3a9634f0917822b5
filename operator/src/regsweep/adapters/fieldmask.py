"""JSON of which only the fields that are wanted become Python objects.

Of a Job's or pod's 8 kB an operator reads a tenth. To make objects of all the rest takes two thirds of the CPU that an answer costs, and
memory that is dropped at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

Fields = Mapping[str, Any]
"""Names of fields; each with None for all that is in it, with the fields of an object, or with those of a list's items as a list of
one."""


class FieldMask:
    """Reads lists and watch events of objects of which only some fields are wanted."""

    def __init__(self, fields: Fields) -> None:
        self._page = SchemaValidator(_schema({"metadata": None, "items": [fields]}))
        self._event = SchemaValidator(_schema({"type": None, "object": fields}))

    def page(self, text: bytes) -> Any:
        """A list. Raises ValueError where it is no JSON."""
        return _read(self._page, text)

    def event(self, text: bytes) -> Any:
        """An event of a watch; of an error, which is no such object, all of it. Raises ValueError where it is no JSON."""
        return _read(self._event, text)


def _read(validator: SchemaValidator, text: bytes) -> Any:
    """What is of another shape is read as it is: whoever asked says what is wrong with it."""
    try:
        return validator.validate_json(text)
    except ValidationError:
        return json.loads(text)


def _schema(wanted: Fields | Sequence[Fields] | None) -> CoreSchema:
    if wanted is None:
        return core_schema.any_schema()
    if isinstance(wanted, Mapping):
        fields = {name: core_schema.typed_dict_field(_schema(inner), required=False) for name, inner in wanted.items()}
        return core_schema.nullable_schema(core_schema.typed_dict_schema(fields))
    (items,) = wanted
    return core_schema.nullable_schema(core_schema.list_schema(_schema(items)))
