"""The file `checkpoint` of a folder: which checkpoints there are, and which one is the newest.

Layer: frontend. It has TensorFlow's format. A checkpoint is known by its prefix; its files end with
`.npz` (objects) or `.index` and `.data-...` (variables by name; bundle.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from .bundle import INDEX, has_bundle, remove_bundle

FILE = "checkpoint"
OBJECTS = ".npz"
_LINE = re.compile(r'^(\w+): "(.*)"$')


class CheckpointState:
    """What the file `checkpoint` says: `model_checkpoint_path`, `all_model_checkpoint_paths`."""

    def __init__(self, latest: str, paths: list[str]) -> None:
        self.model_checkpoint_path = latest
        self.all_model_checkpoint_paths = paths

    def __repr__(self) -> str:
        lines = [f'model_checkpoint_path: "{self.model_checkpoint_path}"\n']
        lines += [f'all_model_checkpoint_paths: "{p}"\n' for p in self.all_model_checkpoint_paths]
        return "".join(lines)


def write_state(folder: str, latest: str, paths: Iterable[str], name: str | None = None) -> None:
    """Write the file of a folder, with paths relative to it."""
    names = [os.path.relpath(p, folder or ".") for p in (latest, *paths)]
    text = repr(CheckpointState(names[0], names[1:]))
    with open(os.path.join(folder, name or FILE), "w") as file:
        file.write(text)


def update_checkpoint_state(
    save_dir: Any,
    model_checkpoint_path: Any,
    all_model_checkpoint_paths: Sequence[Any] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Any = None,
    last_preserved_timestamp: Any = None,
) -> None:
    """Note which checkpoint of a folder is the newest.

    Args:
        save_dir: the folder.
        model_checkpoint_path: the prefix of the newest checkpoint.
        all_model_checkpoint_paths: the prefixes of all, the newest last.
        latest_filename: of the file; "checkpoint" by default.
        all_model_checkpoint_timestamps: for TensorFlow's signature, like the next one.
        last_preserved_timestamp: see there.
    """
    latest = os.fsdecode(model_checkpoint_path)
    paths = [os.fsdecode(p) for p in all_model_checkpoint_paths or ()]
    if latest not in paths:
        paths.append(latest)
    write_state(os.fsdecode(save_dir), latest, paths, latest_filename)


def get_checkpoint_state(
    checkpoint_dir: Any, latest_filename: str | None = None
) -> CheckpointState | None:
    """The list of checkpoints in a folder; None if there is none."""
    folder = os.fsdecode(checkpoint_dir)
    path = os.path.join(folder, latest_filename or FILE)
    if not os.path.exists(path):
        return None
    with open(path) as file:
        entries = [m.groups() for m in map(_LINE.match, file.read().splitlines()) if m]
    full = [(key, os.path.join(folder, name)) for key, name in entries]
    latest = next((p for key, p in full if key == "model_checkpoint_path"), None)
    if latest is None:
        return None
    return CheckpointState(latest, [p for key, p in full if key == "all_model_checkpoint_paths"])


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the newest checkpoint in a folder; None if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint with this prefix."""
    prefix = os.fsdecode(checkpoint_prefix)
    return has_bundle(prefix) or os.path.exists(prefix + OBJECTS)


def get_checkpoint_mtimes(checkpoint_prefixes: Sequence[Any]) -> list[float]:
    """When the checkpoints with these prefixes were written, of those that there are."""
    names = [os.fsdecode(p) + end for p in checkpoint_prefixes for end in (INDEX, OBJECTS)]
    return [os.path.getmtime(name) for name in names if os.path.exists(name)]


def remove_checkpoint(
    checkpoint_prefix: Any, checkpoint_format_version: Any = None, meta_graph_suffix: str = "meta"
) -> None:
    """Delete the files of a checkpoint."""
    prefix = os.fsdecode(checkpoint_prefix)
    remove_bundle(prefix)
    if os.path.exists(prefix + OBJECTS):
        os.remove(prefix + OBJECTS)


def prefix_of(ckpt_dir_or_file: Any) -> str:
    """A prefix itself, or that of the newest checkpoint in a folder.

    Raises:
        ValueError: there is none in the folder.
    """
    path = os.fsdecode(ckpt_dir_or_file)
    if not os.path.isdir(path):
        return path
    found = latest_checkpoint(path)
    if found is None:
        raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in directory {path}")
    return found
