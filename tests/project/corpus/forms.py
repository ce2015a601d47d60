"""A form of what Zigzag writes, what it means, and how the two may change from one version to the next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple


class Form(NamedTuple):
    """Something that Zigzag wrote, in JSON.

    what  -- its name, which no other of its kind has.
    form  -- as it is stored, sent or logged.
    means -- what the code of that version read in it.
    """

    what: str
    form: Any
    means: Any


class Kind(NamedTuple):
    """A kind of forms, such as messages: a file of the corpus.

    written -- yields today's forms, each with its name.
    read    -- returns what today's code reads in a form.
    lost    -- yields what of an old meaning is not in today's.
    unkept  -- yields what of an old form is not in today's of that name, as an older reader needs it; None if
               nobody else reads it.
    """

    written: Callable[[], Iterable[tuple[str, Any]]]
    read: Callable[[Any], Any]
    lost: Callable[[Any, Any], Iterator[str]]
    unkept: Callable[[Any, Any], Iterator[str]] | None = None

    def forms(self) -> list[Form]:
        """Returns today's forms, with today's meaning."""
        return [Form(what, form, plain(self.read(form))) for what, form in self._written()]

    def _written(self) -> Iterator[tuple[str, Any]]:
        for what, form in self.written():
            yield what, plain(form)

    def offences(self, old: Iterable[Form]) -> Iterator[str]:
        """Yields how today's code fails these forms of an earlier version."""
        now: dict[str, Any] | None = None
        try:
            now = None if self.unkept is None else dict(self._written())
        except Exception as error:  # of any kind
            yield f"today none is written: {type(error).__name__}: {error}"
        for what, form, means in old:
            try:
                for one in self.lost(means, plain(self.read(form))):
                    yield f"{what}: today it is read as {one}"
            except Exception as error:  # of any kind
                yield f"{what}: today it can't be read: {type(error).__name__}: {error}"
            if now is not None and self.unkept is not None:
                kept = self.unkept(_unfolded(form), _unfolded(now[what])) if what in now else ["no such name"]
                yield from (f"{what}: today it is written with {one}" for one in kept)


def lost(old: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yields the values of an old meaning that today's has not. Today's may have more keys."""
    if isinstance(old, dict) and isinstance(now, dict):
        for key, value in old.items():
            if key in now:
                yield from lost(value, now[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} missing, not {value!r}"
    elif isinstance(old, list) and isinstance(now, list) and len(old) == len(now):
        for number, (one, other) in enumerate(zip(old, now, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif old != now:
        yield f"{path} {now!r}, not {old!r}"


def lost_keys(old: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yields the keys of an old form that today's has not, or that have another type there."""
    if isinstance(old, dict) and isinstance(now, dict):
        for key, value in old.items():
            if key in now:
                yield from lost_keys(value, now[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} missing"
    elif type(old) is not type(now):
        yield f"{path} as {type(now).__name__}, not {type(old).__name__}"


def _unfolded(value: Any) -> Any:
    """Returns the form, in which a text that is JSON is what it holds."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unfolded(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _unfolded(one) for key, one in value.items()}
    return [_unfolded(one) for one in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Returns a value as JSON gives it back: a named tuple as an object, bytes as hexadecimal."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def to_text(forms: Iterable[Form]) -> str:
    return "".join(json.dumps(form._asdict(), ensure_ascii=False) + "\n" for form in forms)


def from_text(text: str) -> list[Form]:
    return [Form(**json.loads(line)) for line in text.splitlines()]
