"""Reading JSON texts that must have a given schema and version, field by field."""

from typing import Any

from holigrail_hw.core.documents import parse_json

from .errors import GraphError

__all__ = ["field", "read_document"]


def read_document(text: str, who: str, schema: str, version: int) -> dict[str, Any]:
    """The object in a JSON text; raises GraphError in the name of ``who`` if there is none."""
    try:
        data = parse_json(text)
    except ValueError as error:
        raise GraphError(f"{who}: must be JSON ({error})") from None
    if not isinstance(data, dict) or data.get("schema") != schema:
        raise GraphError(f"{who}: schema must be {schema!r}")
    if data.get("version") != version:
        raise GraphError(f"{who}: version must be {version}, not {data.get('version')}")
    return data


def field(record: Any, name: str, kind: type, who: str) -> Any:
    """One field of an object, of exactly the type ``kind``; raises GraphError."""
    if not isinstance(record, dict) or name not in record:
        raise GraphError(f"{who}: {name} must be given")
    value = record[name]
    if type(value) is not kind:
        raise GraphError(f"{who}: {name} must be of type {kind.__name__}, not {value!r}")
    return value
