"""Where the client keeps its files: the XDG folders of the user, on every system."""

from __future__ import annotations

from pathlib import Path

from platformdirs.unix import Unix

_DIRS = Unix("mrccsc", appauthor=False)


def config_file() -> Path:
    """The configuration file, unless another one is named."""
    return Path(_DIRS.user_config_dir) / "config.toml"


def data_folder(profile: str) -> Path:
    """What must not be lost: the outbox, drafts, the device's id."""
    return Path(_DIRS.user_data_dir) / "profiles" / profile


def cache_folder(profile: str) -> Path:
    """What can be fetched again."""
    return Path(_DIRS.user_cache_dir) / "profiles" / profile


def state_folder(profile: str) -> Path:
    """The session's token and the log file."""
    return Path(_DIRS.user_state_dir) / "profiles" / profile


def log_file(profile: str) -> Path:
    """What went wrong in the client."""
    return state_folder(profile) / "client.log"


def server_data_folder() -> Path:
    """The data of the server that ``--local`` starts."""
    return Path(_DIRS.user_data_dir) / "server"


def server_log() -> Path:
    """What the server that ``--local`` starts has to say."""
    return Path(_DIRS.user_state_dir) / "server.log"


def make_private(folder: Path) -> Path:
    """The folder, made with all above it where it is missing, for nobody else to enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
