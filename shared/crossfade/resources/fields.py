"""What every resource model shares: camelCase on the wire, frozen values, checked quantities."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, WithJsonSchema
from pydantic.alias_generators import to_camel

from crossfade.domain import quantities

QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
"""The pattern that Kubernetes itself puts into generated schemas of quantities."""

QUANTITY_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": QUANTITY_PATTERN,
    "x-kubernetes-int-or-string": True,
}


class Resource(BaseModel):
    """A frozen part of a document; `dump()` gives back what its author wrote."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    def dump(self) -> dict[str, Any]:
        """Plain JSON, names as in the document, only what the document said."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def quantity_text(value: object) -> object:
    """A quantity as text; an unquoted float, which an API server refuses, arrives over NATS."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a quantity; right would be a finite number")
    text = value if isinstance(value, str) else repr(value)
    quantities.parse(text)
    return text


Quantity = Annotated[str, BeforeValidator(quantity_text), WithJsonSchema(QUANTITY_SCHEMA)]
"""Text of a Kubernetes quantity."""

Int32 = Annotated[
    StrictInt,
    Field(ge=-(2**31), le=2**31 - 1),
    WithJsonSchema({"type": "integer", "format": "int32"}),
]
"""A whole number that fits an int32."""
Count = Annotated[
    StrictInt,
    Field(ge=0, le=2**31 - 1),
    WithJsonSchema({"type": "integer", "format": "int32", "minimum": 0}),
]
"""A whole number from 0."""
Positive = Annotated[
    StrictInt,
    Field(ge=1, le=2**31 - 1),
    WithJsonSchema({"type": "integer", "format": "int32", "minimum": 1}),
]
"""A whole number from 1."""
Percent = Annotated[
    StrictInt,
    Field(ge=0, le=100),
    WithJsonSchema({"type": "integer", "format": "int32", "minimum": 0, "maximum": 100}),
]
"""A whole number from 0 to 100."""


@lru_cache(maxsize=1024)  # limits of documents are asked for at every sample
def number(text: str | None) -> float | None:
    """The float of a quantity that may be absent."""
    return None if text is None else float(quantities.parse(text))
