"""Reads YAML as a careful author means it: safe, no key twice, numbers spelt as they were.

Anchors, aliases and merges are welcome as long as what they stand for has a bounded size.

A quantity in an Experiment or Metric keeps its spelling: `upperLimit: 0.10` is `"0.10"`. An API
server refuses a quantity written as a bare float; we do not, neither here nor over NATS, where
JSON brings real floats.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import yaml
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from crossfade.errors import FieldError, Malformed

LARGEST_FILE = 4_000_000
"""Characters; a file of manifests is never that long, and YAML is slow to read."""
MOST_MERGED = 500_000
"""Keys that all merges of a file may bring along, each time counted."""
QUANTITIES = frozenset(
    {"upperLimit", "lowerLimit", "margin", "minEffect", "upperBound", "level"}
)
"""Fields of our two kinds that hold a quantity."""
_FLOAT = "tag:yaml.org,2002:float"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_VALUE = "tag:yaml.org,2002:value"
_TEXT = "tag:yaml.org,2002:str"
_ENDLESS = "its aliases expand without end; right would be each part written out"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the habits that bite authors taken away.

    A merge (`<<: *one`, `<<: [*one, *other]`) gives what the mapping does not say itself, the
    first of several first, as YAML's own rule is; it costs no more than its result is large.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._merging: set[int] = set()
        self._merged: dict[int, MappingNode] = {}
        self._carried = 0

    def compose_mapping_node(self, anchor: dict[Any, Node]) -> MappingNode:
        """A mapping none of whose own keys is said twice; looked at before anything is merged."""
        node = super().compose_mapping_node(anchor)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self._key(key_node)
            if key in seen:
                right = "one list, <<: [*one, *other]" if key == "<<" else "each key once"
                raise _wrong(f"the key {key!r} a second time; right would be {right}", key_node)
            seen.add(key)
        return node

    def flatten_mapping(self, node: MappingNode) -> None:
        """Put the keys of merged mappings before the mapping's own, each key once."""
        if id(node) in self._merged:
            return
        if id(node) in self._merging:
            raise _wrong("a mapping that merges itself; right would be another one", node)
        self._merging.add(id(node))
        own = [(key, held) for key, held in node.value if key.tag != _MERGE]
        taken = {self._key(key) for key, _ in own}
        added = []
        for key, held in self._inherited(node):
            if (said := self._key(key)) not in taken:
                taken.add(said)
                added.append((key, held))
        node.value = added + own
        self._merged[id(node)] = node  # held, so that no other node gets its id

    def _inherited(self, node: MappingNode) -> Iterator[tuple[Node, Node]]:
        """Keys and values of every mapping that this one merges, nearest first."""
        merges = [held for key, held in node.value if key.tag == _MERGE]
        for source in [one for held in merges for one in _listed(held)]:
            if not isinstance(source, MappingNode):
                right = "right would be an alias of a mapping, or a list of those"
                raise _wrong(f"no mapping to merge; {right}", source)
            self.flatten_mapping(source)
            self._carried += len(source.value)
            if self._carried > MOST_MERGED:
                raise ValueError(_ENDLESS)
            yield from source.value

    def _key(self, node: Node) -> Hashable:
        if node.tag == _MERGE:
            return "<<"
        if node.tag == _VALUE:  # a bare `=`, which YAML 1.1 gave a meaning that nobody uses
            node.tag = _TEXT
        key = self.construct_object(node, deep=True)
        if not isinstance(key, Hashable):
            raise _wrong("a key that is no text", node)
        return key


def _listed(held: Node) -> list[Node]:
    return list(held.value) if isinstance(held, SequenceNode) else [held]


class _Spelt(float):
    """A float that remembers how it was written, until its place is known."""

    spelling: str


def _as_spelt(loader: _Loader, node: Node) -> str:
    assert isinstance(node, ScalarNode)
    return str(node.value)


def _as_float(loader: _Loader, node: Node) -> _Spelt:
    assert isinstance(node, ScalarNode)
    value = _Spelt(loader.construct_yaml_float(node))
    value.spelling = str(node.value)
    return value


def _tagged(loader: _Loader, node: Node) -> Any:
    raise _wrong(f"the tag {node.tag}; right would be plain YAML", node)


_Loader.add_constructor(_FLOAT, _as_float)
_Loader.add_constructor(_TIMESTAMP, _as_spelt)
_Loader.add_constructor(None, _tagged)


def load_documents(text: str) -> list[dict[str, Any]]:
    """Every document of a YAML or JSON text; `Malformed` says the line and column of a mistake.

    Empty documents are left out; `List` resources are opened.
    """
    if len(text) > LARGEST_FILE:
        raise Malformed(f"found {len(text)} characters; right would be at most {LARGEST_FILE}")
    try:
        loaded = list(yaml.load_all(text, Loader=_Loader))
        _size(loaded, {})
    except MarkedYAMLError as failure:
        raise Malformed(_located(failure)) from failure
    except RecursionError as failure:
        told = "it is nested too deeply; right would be a hundred levels at most"
        raise Malformed(f"the YAML cannot be read: {told}") from failure
    except (YAMLError, ValueError) as failure:
        raise Malformed(f"the YAML cannot be read: {failure}") from failure
    return [document for found in loaded if found is not None for document in _opened(found)]


def _size(value: object, sizes: dict[int, int]) -> int:
    """Values that a document holds once its aliases are written out; a bomb is refused."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = LARGEST_FILE  # for an alias that contains itself
        inner = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(held, sizes) for held in inner)
    if sizes[id(value)] >= LARGEST_FILE:
        raise ValueError(_ENDLESS)
    return sizes[id(value)]


def _opened(found: object) -> list[dict[str, Any]]:
    if not isinstance(found, dict):
        right = "right would be a mapping with apiVersion, kind, metadata and spec"
        raise Malformed(
            [FieldError("", f"found {type(found).__name__} {str(found)[:40]!r}; {right}")]
        )
    if str(found.get("kind", "")).endswith("List") and isinstance(found.get("items"), list):
        return [document for item in found["items"] for document in _opened(item)]
    ours = str(found.get("apiVersion", "")).startswith("iter8.tools/")
    settled = _settled(found, QUANTITIES if ours else frozenset())
    assert isinstance(settled, dict)
    return [settled]


def _settled(value: object, quantities: frozenset[str], key: object = None) -> object:
    """The same with every float either plain, or as it was spelt where it is a quantity."""
    if isinstance(value, _Spelt):
        return value.spelling if key in quantities else float(value)
    if isinstance(value, dict):
        return {k: _settled(held, quantities, k) for k, held in value.items()}
    if isinstance(value, list):
        return [_settled(held, quantities, key) for held in value]
    return value


def _wrong(found: str, node: Node) -> MarkedYAMLError:
    return MarkedYAMLError(problem=f"found {found}", problem_mark=node.start_mark)


def _located(failure: MarkedYAMLError) -> str:
    mark: Mark | None = failure.problem_mark or failure.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    context = f" ({failure.context})" if failure.context else ""
    return f"{where}{failure.problem or 'the YAML cannot be read'}{context}"
