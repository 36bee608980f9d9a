"""Manifests as users keep them: several YAML documents in a file, JSON, Lists."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
CONTENT = re.compile(r"(?:^|(?<=^---))(?![ \t]*(?:#|$)).", re.MULTILINE)
"""The beginning of the first line that is neither blank nor a comment."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the C one where it was built
    """YAML with the types of JSON: a date stays text, as for kubectl."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One object of a file, and `place`, where a user finds it: `FILE:LINE`."""

    place: str
    content: Any

    @property
    def metadata(self) -> Object:
        """Return the metadata, empty when there is none."""
        metadata = self.content.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def kind(self) -> str:
        """Return the kind, `object` when there is none."""
        return str(self.content.get("kind") or "object")

    @property
    def title(self) -> str:
        """Return kind and name, as far as the document has them."""
        return f"{self.kind} {self.metadata.get('name') or 'without a name'}"


def parse(text: str, file: str) -> Iterator[Document | ExplainError]:
    """Yield the objects of a file, those of Lists too; an ExplainError in place of what cannot be parsed."""
    for line, part in _parts(text):
        place = f"{file}:{line}"
        try:
            content = _load(part, line)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            hint = "a template, to be rendered first, as by `helm template`" if "{{" in part else _one_line(error)
            yield ExplainError(f"{place}: neither YAML nor JSON: {hint}")
        else:
            yield from _objects(Document(place, content))


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Split at `---`, as kubectl does, so that one broken document leaves the others; each with its line."""
    ends = [0, *(match.end() for match in SEPARATOR.finditer(text))]
    starts = [*(match.start() for match in SEPARATOR.finditer(text)), len(text)]
    for begin, end in zip(ends, starts, strict=True):
        content = CONTENT.search(text, begin, end)
        if content:
            yield text.count("\n", 0, content.start()) + 1, text[content.start() : end]


def _load(part: str, line: int) -> Any:
    if part.lstrip().startswith("{"):
        try:
            return json.loads(part)
        except ValueError:
            pass  # YAML in flow style, or a template
    return yaml.load("\n" * (line - 1) + part, _Loader)  # noqa: S506 - derived from the safe loader


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return " ".join(f"{problem}{f' in line {mark.line + 1}' if mark else ''}".split())


def _objects(document: Document) -> Iterator[Document | ExplainError]:
    content = document.content
    if content is None:
        return
    if not isinstance(content, dict):
        yield ExplainError(f"{document.place}: expected an object, found {type(content).__name__}")
    elif str(content.get("kind", "")).endswith("List") and isinstance(content.get("items"), list):
        for number, item in enumerate(content["items"]):
            yield from _objects(Document(f"{document.place}, item {number + 1}", item))
    else:
        yield document
