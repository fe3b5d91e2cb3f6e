"""The API for people to read: its own description, put into the order and the words of a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "patch", "put", "delete")
KEYS = {"writeKey": "Write key", "secretKey": "Secret key"}


@dataclass(frozen=True)
class Field:
    """A parameter of an address, or a member of a body."""

    name: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class Example:
    title: str
    value: Any


@dataclass(frozen=True)
class Answer:
    code: str
    text: str
    examples: list[Example]


@dataclass(frozen=True)
class Operation:
    """One thing that the API does."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    keys: list[str]
    fields: list[Field]
    examples: list[Example]
    answers: list[Answer]


@dataclass(frozen=True)
class Group:
    name: str
    operations: list[Operation]


@cache
def describe() -> list[Group]:
    """Return all operations of the API, grouped by subject, in the order of their addresses."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    groups: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                groups.setdefault(operation["tags"][0], []).append(_operation(schema, method, path, operation))
    return [Group(name, operations) for name, operations in groups.items()]


def _operation(schema: dict[str, Any], method: str, path: str, raw: dict[str, Any]) -> Operation:
    body = raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        id=raw["operationId"],
        method=method.upper(),
        path=path,
        summary=raw["summary"],
        text=raw.get("description", ""),
        keys=[KEYS[name] for way in raw.get("security", []) for name in way],
        fields=[*_parameters(raw), *_members(schema, body.get("schema", {}))],
        examples=_examples(body),
        answers=[
            Answer(
                code, answer.get("description", ""), _examples(answer.get("content", {}).get("application/json", {}))
            )
            for code, answer in sorted(raw["responses"].items())
        ],
    )


def _parameters(raw: dict[str, Any]) -> Iterator[Field]:
    for parameter in raw.get("parameters", []):
        text = parameter.get("description", "")
        yield Field(parameter["name"], _kind(parameter["schema"]), parameter.get("required", False), text)


def _members(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[Field]:
    name = body.get("$ref", "").rpartition("/")[2]
    found = schema["components"].get("schemas", {}).get(name, {})
    for member, shape in found.get("properties", {}).items():
        yield Field(member, _kind(shape), member in found.get("required", []), shape.get("description", ""))


def _kind(shape: dict[str, Any]) -> str:
    if "enum" in shape:
        return " · ".join(str(value) for value in shape["enum"])
    kind = shape.get("type", "object")
    return str(shape.get("format") or (kind if isinstance(kind, str) else kind[0]))


def _examples(content: dict[str, Any]) -> list[Example]:
    return [Example(one.get("summary", ""), one["value"]) for one in content.get("examples", {}).values()]
