"""Static files and pages on their way out: compressed, and kept by browsers until they change.

No collectstatic step: an address carries the digest of what it names, and what was compressed once is
kept in memory.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from servestatic.middleware import ServeStaticMiddleware

VERSION = "v"  # the name of the digest in an address
FOR_GOOD = "max-age=31536000, public, immutable"
TEXT = ("text/", "application/javascript", "image/svg+xml")


class VersionedFiles(StaticFilesStorage):
    """Addresses with a digest of the file's content; plain ones for who works on it (DEBUG)."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        digest = "" if settings.DEBUG else _digest(name or "")
        return f"{address}?{VERSION}={digest}" if digest else address


@functools.cache
def _digest(name: str) -> str:
    path = finders.find(name)
    if not isinstance(path, str) or not Path(path).is_file():
        return ""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


class JoinedFiles(finders.BaseFinder):
    """Finds each file of settings.JOINED_STATIC_FILES, which is several one after the other.

    A page of many small files waits for each (HTTP/1.1: six at a time). What they do is as if each
    came by itself, but that a script that breaks off keeps those after it from running, too. They are
    made when they are first asked for, beside the installation's other files.
    """

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """Its place on disk, as finders tell it."""
        if path not in settings.JOINED_STATIC_FILES:
            return [] if find_all else None
        found = self._joined.path(path)
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        """What there is, each with the storage that has it."""
        for path in settings.JOINED_STATIC_FILES:
            yield path, self._joined

    @property
    def storages(self) -> dict[str, FileSystemStorage]:
        """As Django's own finders tell it, for ServeStatic's list of the places where it looked."""
        return {"": self._joined}

    @functools.cached_property
    def _joined(self) -> FileSystemStorage:
        """Once a process, like its code; a folder for each content, as an older process serves its own."""
        contents = {
            path: b"\n".join(map(_content, parts))
            for path, parts in settings.JOINED_STATIC_FILES.items()
        }
        digest = hashlib.sha256(b"\0".join(contents.values())).hexdigest()[:12]
        folder: Path = settings.VAR_DIR / "joined" / digest
        try:
            _write(folder, contents)
        except OSError:  # nothing may be written there
            folder = Path(tempfile.mkdtemp(prefix="accessdesk-static-"))
            _write(folder, contents)
        return FileSystemStorage(location=folder)


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Each whole from the first moment: another process may be about to read it."""
    for path, content in contents.items():
        file = folder / path
        if file.exists() and file.read_bytes() == content:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
            new.write(content)
        Path(new.name).chmod(0o644)
        Path(new.name).replace(file)


def _content(name: str) -> bytes:
    path = finders.find(name)
    if not isinstance(path, str):
        raise ImproperlyConfigured(f"JOINED_STATIC_FILES names {name}, which there is not.")
    return Path(path).read_bytes()


class StaticFiles(ServeStaticMiddleware):
    """ServeStatic, compressing text; for good where the address says which version it means."""

    @staticmethod
    async def aserve(static_file: Any, request: HttpRequest) -> HttpResponseBase:
        answer = await ServeStaticMiddleware.aserve(static_file, request)
        name = request.path_info.removeprefix(settings.STATIC_URL)
        if VERSION in request.GET and request.GET[VERSION] == _digest(name):
            answer["Cache-Control"] = FOR_GOOD
        if not answer.get("Content-Type", "").startswith(TEXT):
            return answer
        patch_vary_headers(answer, ("Accept-Encoding",))
        if answer.status_code != 200 or request.method != "GET" or not _takes_gzip(request):
            return answer
        body = b"".join([part async for part in answer])
        smaller = HttpResponse(_compressed(body), headers=dict(answer.items()))
        answer.close()
        smaller["Content-Encoding"] = "gzip"
        smaller["Content-Length"] = str(len(smaller.content))
        return smaller


def _takes_gzip(request: HttpRequest) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


@functools.lru_cache(maxsize=200)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


class CompressedPages(GZipMiddleware):
    """Pages compressed, and nothing else: no export, no stream.

    Each is made longer by a random length, so that its size tells nothing of a secret in it (BREACH).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
