"""All settings: environment variables that start with ``GRADVIZ_``.

``docs/settings.md`` describes them for the people who run GradViz.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gradviz_core import memory

PREFIX = "GRADVIZ_"
SECRETS = frozenset({"GRADVIZ_COMPUTE_KEY", "GRADVIZ_COMPUTE_ADDRESS"})
"""Variables that no worker needs; each only makes sense with the other."""

HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.ASCII)
"""A host name in lower case, as browsers send it; names in other alphabets in their ``xn--`` form."""


def cpu_count() -> int:
    """Number of processor cores this process may use; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def usual_memory_mb(there_is: int) -> int:
    """The default memory limit of a worker on a machine with so many bytes: four fifths of it, at most 16 GB, which is
    enough for every question about every torchvision model within ``max_parameters``."""
    return max(512, min(16_000, there_is * 4 // 5_000_000)) if there_is else 16_000


def cache_folder() -> Path:
    """The current user's cache folder, as the operating system defines it."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "gradviz"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "gradviz"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "gradviz"


class Settings(BaseSettings):
    """The settings of a GradViz installation, checked when they are read. A wrong value raises pydantic's
    ``ValidationError``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    workers: int = Field(default_factory=lambda: min(2, cpu_count()), ge=1, le=64)
    """Worker processes. Two keep one person's slow question from delaying everybody else; each additional one takes
    cores from the others, and half a gigabyte or more for its own models."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Cores for each worker; None divides the cores among the workers. ``threads_per_worker`` is the resulting
    number."""
    deadline_s: float = Field(default=60.0, gt=0, le=3600)
    """Seconds a question may take once a worker has started on it."""
    queue: int = Field(default=32, ge=0, le=10_000)
    """Questions that may wait for a worker; the next one is refused at once."""
    queue_wait_s: float = Field(default=60.0, gt=0, le=3600)
    """Seconds a question may wait for a worker."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """The device that gradients are computed on; ``auto`` uses a GPU if there is one."""
    compute_address: str | None = Field(default=None, pattern=r"^(tcp://.+:\d{1,5}|unix:/.+)$")
    """Address of a compute service that is already running, ``tcp://host:port`` or ``unix:/path``; None lets the app
    start its own."""
    compute_key: SecretStr | None = Field(default=None, min_length=16)
    """Secret shared by the app and a compute service that was started separately."""
    client_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,64}$")
    """Name of the header in which a proxy in front writes the client's address; None trusts no header."""
    hosts: str | None = None
    """Names under which the app is served besides localhost and IP addresses, separated by commas; ``*.example.org``
    stands for every name below ``example.org``. ``host_names`` has them one by one."""
    sessions: int = Field(default=50, ge=1, le=10_000)
    """Browser sessions that may be open at a time; one address may have half of them."""
    store: Path = Field(default_factory=lambda: cache_folder() / "uploads")
    """Folder that holds uploads."""
    upload_mb: float = Field(default=20.0, gt=0, le=1000)
    """Largest uploaded image, in megabytes of 1,000,000 bytes."""
    model_mb: float = Field(default=600.0, gt=0, le=4000)
    """Largest uploaded model file, in megabytes."""
    session_mb: float = Field(default=2000.0, gt=0)
    """Most that one browser session may upload in all, in megabytes."""
    store_mb: float = Field(default=8000.0, gt=0)
    """Most that the folder for uploads may hold, in megabytes."""
    store_days: float = Field(default=30.0, gt=0)
    """Days an upload is kept after it was last used."""
    upload_workers: int = Field(default=2, ge=1, le=64)
    """Confined worker processes, which do all work on uploads; they compute on the CPU."""
    upload_memory_mb: int = Field(default=4000, ge=1500)
    """Most memory for data one confined worker may take, in megabytes; Linux only. Loading PyTorch's CUDA build already
    reserves 800 of them."""
    upload_gflop: float = Field(default=500.0, gt=0)
    """Limit on one forward pass of an uploaded model, in billions of operations of a matrix product."""
    upload_activations_mb: float = Field(default=1500.0, gt=0)
    """Most memory that the activations of an uploaded model may take in one forward pass, in megabytes."""
    max_parameters: int = Field(default=250_000_000, ge=1)
    """Largest model that is loaded, in parameters."""
    remember_mb: float = Field(default=2000.0, ge=0)
    """Most memory that a worker may use between two questions for the last pass and the most recently used models, in
    megabytes; the models take at most half of it, and the latest one always stays."""
    worker_memory_mb: int = Field(default_factory=lambda: usual_memory_mb(memory.there_is()), ge=512)
    """Most memory for data of one worker, in megabytes; Linux only, and not where a GPU may be used, because CUDA
    reserves more than it uses."""

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, text: str | None) -> str | None:
        for name in _listed(text):
            last = name.removeprefix("*.").rpartition(".")[2]
            if not HOST_NAME.fullmatch(name.removeprefix("*.")) or last.isdecimal():
                raise ValueError(
                    f"{name!r} is not a host name. Write only names, separated by commas, as in "
                    f"{PREFIX}HOSTS=gradviz.example.org,*.lab.example.org: no scheme, port or path. "
                    "IP addresses and localhost are always served, and * alone would serve every name"
                )
        return text

    @model_validator(mode="after")
    def _address_needs_key(self) -> Settings:
        if self.compute_address is not None and self.compute_key is None:
            raise ValueError(
                f"{PREFIX}COMPUTE_ADDRESS is set but {PREFIX}COMPUTE_KEY is not: "
                "set it to the key that the compute service was started with"
            )
        return self

    @property
    def threads_per_worker(self) -> int:
        """Cores one worker computes on."""
        return self.threads or max(1, cpu_count() // self.workers)

    @property
    def host_names(self) -> frozenset[str]:
        """The names in ``hosts``, in lower case and without a dot at their end."""
        return frozenset(_listed(self.hosts))

    @property
    def upload_bytes(self) -> int:
        """Largest uploaded image, in bytes."""
        return int(self.upload_mb * 1_000_000)

    @property
    def model_bytes(self) -> int:
        """Largest uploaded model file, in bytes."""
        return int(self.model_mb * 1_000_000)

    def as_environment(self) -> dict[str, str]:
        """The environment variables that give these settings, without the address and the key of a compute service."""
        values = self.model_dump(mode="json", exclude={"compute_address", "compute_key"}, exclude_none=True)
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def _listed(hosts: str | None) -> list[str]:
    """The names in ``hosts``, as they are compared."""
    return [name.strip().lower().removesuffix(".") for name in (hosts or "").split(",") if name.strip()]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
