"""The one shape that all events share."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from crossfade.errors import FieldError, Malformed


class Body(BaseModel):
    """A frozen value that travels as JSON in camel case and ignores what it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Event(Body):
    """A fact about one run. `uid` names the run; its experiment travels in the subject."""

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1

    namespace: str = Field(default="", exclude=True)
    name: str = Field(default="", exclude=True)
    uid: str
    iteration: int = Field(default=0, ge=0)

    @property
    def what(self) -> str:
        """The last part of the id, where one iteration knows several facts of this kind."""
        return ""

    @property
    def id(self) -> str:
        """`<uid>/<iteration>/<kind>[/<what>]`: derived from the fact, so a repeat is a repeat."""
        parts = [self.uid, str(self.iteration), self.kind]
        return "/".join([*parts, self.what] if self.what else parts)

    @property
    def type(self) -> str:
        """The CloudEvents type, with the version of the body's schema."""
        return f"crossfade.{self.kind}.v{self.version}"

    def about(self, namespace: str, name: str) -> Self:
        """The same fact, addressed to an experiment's subject."""
        return self.model_copy(update={"namespace": namespace, "name": name})

    def body(self) -> bytes:
        """The JSON that travels."""
        return orjson.dumps(self, default=_travelling, option=orjson.OPT_PASSTHROUGH_DATETIME)

    def to_json(self) -> dict[str, Any]:
        """The body as plain values, in the names of the wire, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def from_json(cls, body: bytes | str | dict[str, Any]) -> Self:
        """An event from its body. Raises Malformed with every mistake by field."""
        try:
            return cls.model_validate(body if isinstance(body, dict) else orjson.loads(body))
        except orjson.JSONDecodeError as error:
            what = f"not JSON: {error.msg}, at character {error.colno}"
            raise Malformed([FieldError(cls.kind, what)]) from error
        except ValidationError as error:
            raise Malformed(
                FieldError(".".join([cls.kind, *map(str, e["loc"])]), e["msg"])
                for e in error.errors(include_url=False)
            ) from error


def _travelling(value: Any) -> Any:
    """What orjson does not know, as `to_json` has it; plain values it walks much faster."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if not isinstance(value, Body):
        raise TypeError(f"{type(value).__name__} does not travel")
    own = vars(value)
    return {wire: own[name] for name, wire in _names(type(value)) if own[name] is not None}


@cache  # one entry a class
def _names(body: type[Body]) -> tuple[tuple[str, str], ...]:
    """The fields of a body that travel, with their names on the wire."""
    fields = body.model_fields.items()
    return tuple((name, f.serialization_alias or name) for name, f in fields if not f.exclude)
