"""Where files lie: records hold a reference only, never the file itself."""

from lienthong.attachments.settings import FolderSettings, S3Settings, StoreSettings, make_store
from lienthong.attachments.store import AttachmentStore, StoredFile, media_type_of, object_path

__all__ = [
    "AttachmentStore",
    "FolderSettings",
    "S3Settings",
    "StoreSettings",
    "StoredFile",
    "make_store",
    "media_type_of",
    "object_path",
]
