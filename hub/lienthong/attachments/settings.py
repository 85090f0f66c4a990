"""How a connector is told where its files go."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.attachments.folder import FolderStore
from lienthong.attachments.s3 import Bucket, S3Store
from lienthong.attachments.store import AttachmentStore
from lienthong.clock import Clock

_StoreName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:\-]+$")]


class FolderSettings(BaseModel):
    """A folder on the hub's own machine.

    Attributes:
        kind: ``folder``.
        name: Name of the store in references.
        folder: The folder; it is made when it is missing.
        max_file_bytes: Largest file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["folder"] = "folder"
    name: _StoreName = "hub"
    folder: Path
    max_file_bytes: int = Field(default=32 * 1024 * 1024, ge=1)


class S3Settings(BaseModel):
    """A bucket of an object store with an S3 interface.

    Attributes:
        kind: ``s3``.
        name: Name of the store in references.
        endpoint: Address of the interface.
        region: Region that requests are signed for.
        bucket: Name of the bucket; it must exist.
        access_key: Name of the key.
        secret_key: The key.
        secret_key_files: Instead of ``secret_key``: one file with it, or two while it is replaced. They are read again
            when the store refuses a request.
        timeout_seconds: Limit for one call.
        ca_file: PEM file of trusted authorities; None for the system's.
        max_file_bytes: Largest file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["s3"]
    name: _StoreName = "hub"
    endpoint: str
    region: str = "us-east-1"
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")]
    access_key: str
    secret_key: SecretStr | None = None
    secret_key_files: tuple[Path, ...] = Field(default=(), max_length=2)
    timeout_seconds: float = Field(default=60.0, gt=0)
    ca_file: str | None = None
    max_file_bytes: int = Field(default=32 * 1024 * 1024, ge=1)

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret_key is None) is not bool(self.secret_key_files):
            raise ValueError("give either secret_key or secret_key_files")
        return self


StoreSettings = Annotated[FolderSettings | S3Settings, Field(discriminator="kind")]


def make_store(settings: FolderSettings | S3Settings, clock: Clock) -> AttachmentStore:
    """Return the store that settings describe, not opened yet.

    Args:
        settings: Where the files go.
        clock: Where to read the time.

    Raises:
        SecretNotFoundError: If a file with the key cannot be read.
    """
    if isinstance(settings, FolderSettings):
        return FolderStore(settings.name, settings.folder, settings.max_file_bytes)
    bucket = Bucket(
        settings.endpoint,
        settings.region,
        settings.bucket,
        settings.access_key,
        settings.secret_key,
        settings.secret_key_files,
        settings.timeout_seconds,
        settings.ca_file,
    )
    return S3Store(settings.name, bucket, settings.max_file_bytes, clock)
