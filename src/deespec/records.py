"""`@record`: a frozen, slotted, keyword-only data class, without the 20 ms that `dataclasses` costs every command.

The standard `dataclasses` imports `inspect`; short commands must not (docs/adr/0002). Type checkers see a data class.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Turns an annotated class into a record; fields in order of their annotations, defaults must be immutable."""
    names = tuple(cls.__dict__.get("__annotations__", {}))  # noqa: RUF063 - inspect is what this avoids
    namespace = {key: value for key, value in cls.__dict__.items() if key not in ("__dict__", "__weakref__")}
    defaults = {name: namespace.pop(name) for name in names if name in namespace}
    namespace["__slots__"] = names
    namespace["__fields__"] = names
    namespace["__init__"] = _init_when_needed(names, defaults)
    namespace["__setattr__"] = _refuse
    namespace["__delattr__"] = _refuse
    namespace["__eq__"] = _equal
    namespace["__hash__"] = _hash
    namespace["__repr__"] = _show
    namespace["__reduce__"] = _reduce
    made: type[T] = type(cls.__name__, cls.__bases__, namespace)
    return made


def replace(obj: T, **changes: object) -> T:
    """A copy of a record with some fields changed."""
    values = {name: getattr(obj, name) for name in fields(type(obj))}
    unknown = changes.keys() - values.keys()
    if unknown:
        raise TypeError(f"{type(obj).__name__} has no field {', '.join(sorted(unknown))}")
    return type(obj)(**{**values, **changes})


def fields(cls: type[Any]) -> tuple[str, ...]:
    """The names of a record's fields, in order."""
    names: tuple[str, ...] = cls.__fields__
    return names


def as_dict(obj: object) -> dict[str, Any]:
    """A record's fields and values, not descending into nested records."""
    return {name: getattr(obj, name) for name in fields(type(obj))}


def _init_when_needed(names: tuple[str, ...], defaults: dict[str, object]) -> Any:
    """Compiles a class's own `__init__` when its first record is made: a command makes few of the kinds it imports."""

    def first(self: Any, **values: object) -> None:
        type(self).__init__ = _make_init(names, defaults)
        self.__init__(**values)

    return first


def _make_init(names: tuple[str, ...], defaults: dict[str, object]) -> Any:
    params = [f"{name}=_defaults[{name!r}]" if name in defaults else name for name in names]
    head = f"def __init__(self, *, {', '.join(params)}):" if names else "def __init__(self):"
    body = [f"    _set(self, {name!r}, {name})" for name in names] or ["    pass"]
    scope: dict[str, Any] = {"_set": object.__setattr__, "_defaults": defaults}
    exec("\n".join([head, *body]), scope)  # noqa: S102 - the source is field names of our own classes
    return scope["__init__"]


def _refuse(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} is frozen: use replace()")


def _values(self: Any) -> tuple[object, ...]:
    return tuple(getattr(self, name) for name in self.__fields__)


def _equal(self: object, other: object) -> bool:
    return type(self) is type(other) and _values(self) == _values(other)


def _hash(self: object) -> int:
    return hash(_values(self))


def _show(self: object) -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in zip(fields(type(self)), _values(self), strict=True))
    return f"{type(self).__name__}({inside})"


def _rebuild(cls: type[T], values: dict[str, object]) -> T:
    return cls(**values)


def _reduce(self: object) -> tuple[object, ...]:
    return _rebuild, (type(self), as_dict(self))
