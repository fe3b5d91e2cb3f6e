"""How a refused request is changed so that it can be taken: one change at a time, all else as it came. Plain Python."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

import msgspec
from msgspec import Raw

PREFIX, SET, REPLACE, RENAME, REMOVE = "prefix", "set", "replace", "rename", "remove"
PATH = "path"
# What a rule writes as JSON; anything else it writes as text.
LITERAL = re.compile(r"\s*([\[{\"]|-?\d|true\b|false\b|null\b)")
NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?")
DEEPEST = 64

_members = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])


@dataclass(frozen=True)
class Repair:
    """One change: `field` is a member of the body, "a.b" inside an object, or "path" for the address's last part."""

    field: str
    action: str
    value: str = ""
    old: str = ""


def changed(repair: Repair, path: str, body: bytes) -> tuple[str, bytes] | None:
    """Return address and body with one change made; None where there is nothing to change, or it can't be made.

    A body is a JSON object, a list of them, or fields of a form. Members that are not changed stay byte for byte.
    """
    if repair.field == PATH:
        new_path = _path(repair, path)
        return (new_path, body) if new_path not in {None, path} and new_path else None
    new_body = _body(repair, body)
    return (path, new_body) if new_body is not None and new_body != body else None


def _path(repair: Repair, path: str) -> str | None:
    stripped = path.rstrip("/")
    head, slash, last = stripped.rpartition("/")
    end = path[len(stripped) :]
    if not last:
        return None
    match repair.action:
        case "prefix":
            return None if last.startswith(repair.value) else f"{head}{slash}{repair.value}{last}{end}"
        case "set":
            return f"{head}{slash}{repair.value}{end}"
        case "replace":
            return path.replace(repair.old, repair.value) if repair.old else None
    return None


def _body(repair: Repair, body: bytes) -> bytes | None:
    start = body.lstrip()[:1]
    try:
        if start == b"{":
            return _object(repair, body, repair.field)
        if start == b"[":
            parts = [bytes(part) for part in _list.decode(body)]
            new = [_object(repair, part, repair.field) if part[:1] == b"{" else None for part in parts]
            if not any(new):
                return None
            return b"[" + b",".join(one or part for one, part in zip(new, parts, strict=True)) + b"]"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _form(repair, body)


def _object(repair: Repair, body: bytes, field: str, depth: int = 0) -> bytes | None:
    members = _members.decode(body)
    name, _, rest = (field, "", "") if field in members else field.partition(".")
    if rest:
        inner = bytes(members.get(name, b"{}" if repair.action == SET else b""))
        if inner[:1] != b"{" or depth > DEEPEST:
            return None
        made = _object(repair, inner, rest, depth + 1)
        if made is None:
            return None
        members[name] = Raw(made)
        return msgspec.json.encode(members)
    return _members_changed(repair, members, name)


def _members_changed(repair: Repair, members: dict[str, Raw], name: str) -> bytes | None:
    if repair.action == SET:
        members[name] = Raw(literal(repair.value))
        return msgspec.json.encode(members)
    if name not in members:
        return None
    if repair.action == REMOVE:
        del members[name]
        return msgspec.json.encode(members)
    if repair.action == RENAME:
        if repair.value in members or not repair.value:
            return None
        renamed = {repair.value if key == name else key: value for key, value in members.items()}
        return msgspec.json.encode(renamed)
    text = _text(bytes(members[name]))
    new = _text_changed(repair, text) if text is not None else None
    if new is None:
        return None
    members[name] = Raw(msgspec.json.encode(new))
    return msgspec.json.encode(members)


def _text(raw: bytes) -> str | None:
    """Return a member that is a text or a number as text."""
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw))
    return raw.decode() if NUMBER.fullmatch(raw) else None


def _text_changed(repair: Repair, text: str) -> str | None:
    if repair.action == PREFIX:
        return None if text.startswith(repair.value) else repair.value + text
    if repair.action == REPLACE and repair.old and repair.old in text:
        return text.replace(repair.old, repair.value)
    return None


def literal(value: str) -> bytes:
    """Return the JSON that a rule writes: what reads as JSON as it is, anything else as text."""
    if LITERAL.match(value):
        try:
            msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            pass
        else:
            return value.strip().encode()
    return msgspec.json.encode(value)


def _form(repair: Repair, body: bytes) -> bytes | None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    new: list[tuple[str, str]] = []
    names = {name for name, _ in pairs}
    found = False
    for name, text in pairs:
        if name != repair.field or found:
            new.append((name, text))
            continue
        found = True
        made = _pair(repair, name, text, names)
        if made is not None:
            new.append(made)
    if not found and repair.action == SET:
        new.append((repair.field, repair.value))
    if new == pairs:
        return None
    return "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in new).encode()


def _pair(repair: Repair, name: str, text: str, names: set[str]) -> tuple[str, str] | None:
    """Return a field of a form as it is sent on; None when it is taken out."""
    match repair.action:
        case "set":
            return name, repair.value
        case "remove":
            return None
        case "rename":
            return (repair.value, text) if repair.value and repair.value not in names else (name, text)
    changed_text = _text_changed(repair, text)
    return name, text if changed_text is None else changed_text
