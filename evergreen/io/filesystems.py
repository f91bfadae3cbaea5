"""Files wherever they lie: one way to reach them, and one to say what went wrong on the way."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import fsspec
from aiohttp import ClientError as HttpError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

#: What reading and writing files raise, near or far.
FAILURES = (OSError, EOFError, BotoCoreError, ClientError, HttpError)
#: What an address raises that names no kind of place, or one whose package is not installed.
NO_PLACE = (ValueError, ImportError)
_UNKNOWN = (PermissionError, NoCredentialsError, PartialCredentialsError, ProfileNotFound)
_CUT_OFF = (ConnectionError, TimeoutError, BotoCoreError, ClientError, HttpError)
#: What says who we are to S3 and where it is; read by botocore, each time anew for each place that it names.
_ENVIRONMENT = (
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
    "AWS_DEFAULT_REGION",
)  # fmt: skip
#: Servers other than Amazon's often know no checksums but Content-MD5; what the environment says wins.
_CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")


def open_place(url: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path inside it.

    S3 takes endpoint and credentials from the environment (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ...) or from
    the profile that ``AWS_PROFILE`` names. Its listings are never remembered: what is new is seen.

    Raises:
        ValueError: no such kind of place.
        ImportError: a kind of place whose package is not installed.
    """
    if url.startswith(("s3://", "s3a://")):
        fs = _s3(os.getpid(), tuple(os.environ.get(name) for name in _ENVIRONMENT))
        return fs, fs._strip_protocol(url)
    fs, path = fsspec.core.url_to_fs(url)
    return fs, path


def is_near(fs: Any) -> bool:
    """Whether a file system is this machine's own."""
    return "file" in (fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,))


def what_broke(error: BaseException) -> str | None:
    """Why a place could not be read or written, and what to do, where it is no matter of the file's form."""
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return "is not there any more; run again, and let nothing remove files while they are read"
    if isinstance(error, _UNKNOWN):
        return (
            f"access refused ({said}); correct the credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY) and what they may do"
        )
    if isinstance(error, _CUT_OFF) or "FileExpired" in type(error).__name__:
        return f"the connection failed, or the file changed meanwhile ({said}); nothing of it was kept: run again"
    return None


@lru_cache(maxsize=8)
def _s3(process: int, environment: tuple[str | None, ...]) -> Any:
    """A connection of this process with these credentials; the arguments are what it depends on."""
    import s3fs

    checksums = {name: "when_required" for name in _CHECKSUMS if f"AWS_{name.upper()}" not in os.environ}
    return s3fs.S3FileSystem(
        skip_instance_cache=True, use_listings_cache=False, default_block_size=8 * 2**20,
        config_kwargs={"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}, **checksums},
    )  # fmt: skip
