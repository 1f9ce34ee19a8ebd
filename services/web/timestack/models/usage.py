"""Use of a media platform per project and day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

VOLUMES = ("ingested", "transcribed", "subtitled", "translated")
STORAGE_KINDS = ("video", "audio", "image", "text", "other")
AMOUNTS = (
    *(f"{volume}_seconds" for volume in VOLUMES),
    "items",
    *(f"storage_{kind}_mb" for kind in STORAGE_KINDS),
)


class Usage(Base):
    """What one project of one account used on one day (UTC); a day comes again as an upsert.

    Volumes are seconds of media, storage is megabytes at the end of the day. Row-level security
    shows an account its own rows: ``db.act_for`` names it. It is a plain table, because the chunks
    of a hypertable do not inherit row-level security.
    """

    __tablename__ = "usage"
    __table_args__ = (
        CheckConstraint(f"least({', '.join(AMOUNTS)}) >= 0", name="amounts"),
        Index("usage_account_day_idx", "account", "day"),
    )

    account: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    ingested_seconds: Mapped[float] = mapped_column(server_default="0")
    transcribed_seconds: Mapped[float] = mapped_column(server_default="0")
    subtitled_seconds: Mapped[float] = mapped_column(server_default="0")
    translated_seconds: Mapped[float] = mapped_column(server_default="0")
    items: Mapped[int] = mapped_column(server_default="0")
    storage_video_mb: Mapped[float] = mapped_column(server_default="0")
    storage_audio_mb: Mapped[float] = mapped_column(server_default="0")
    storage_image_mb: Mapped[float] = mapped_column(server_default="0")
    storage_text_mb: Mapped[float] = mapped_column(server_default="0")
    storage_other_mb: Mapped[float] = mapped_column(server_default="0")
    deleted: Mapped[bool] = mapped_column(server_default="false")
