"""`tf.train.Checkpoint`: the values of variables, found again by the names that lead to them.

Layer: frontend. A checkpoint is one file, `<prefix>.npz`, of arrays and of the graph of objects;
the file `checkpoint` in its folder lists the newer ones, in TensorFlow's format.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..convert import convert_to_tensor
from ..errors import NotFoundError
from ..variables import Variable
from .state import OBJECTS, get_checkpoint_state, write_state
from .tree import Node, arrays_of, is_trackable, read_arrays, variable_key, walk, write_arrays


class _Saved:
    """A checkpoint that was read: its arrays, and which of them have been used."""

    def __init__(self, path: str) -> None:
        try:
            self.arrays, self.nodes = read_arrays(path + OBJECTS)
        except FileNotFoundError:
            raise NotFoundError(
                None,
                None,
                f"Error when restoring from checkpoint or SavedModel at {path}: there is no file"
                f" {path + OBJECTS}\nPlease double-check that the path is correct. You may be"
                " missing the checkpoint suffix (e.g. the '-1' in 'path/to/ckpt-1').",
            ) from None
        self.used: set[str] = set()

    def restore(self, node: int, x: Any) -> list[Variable]:
        """Give the variables of an object the values of a node; gives those without a value."""
        nodes = walk(x)
        places = {0: node}
        missing = []
        for k, mine in enumerate(nodes):
            place = places.get(k)
            if mine.kind == "variable":
                if not self._assign(place, mine.object):
                    missing.append(mine.object)
                continue
            saved = {} if place is None else self.nodes[place]["children"]
            for name, child in mine.children.items():
                if name in saved:
                    places.setdefault(child, saved[name])
        return missing

    def _assign(self, place: int | None, variable: Variable) -> bool:
        key = None if place is None else self.nodes[place].get("key")
        if key is None:
            return False
        array = self.arrays[key]
        if not variable.shape.is_compatible_with(array.shape):
            raise ValueError(
                f"Received incompatible tensor with shape {array.shape} when attempting to restore"
                f" variable with shape {variable.shape} and name {variable.name}."
            )
        variable.assign(convert_to_tensor(array.astype(variable.dtype.numpy)))
        self.used.add(key)
        return True


class LoadStatus:
    """What a restoration has done; its methods check that."""

    def __init__(self, saved: _Saved | None, missing: list[Variable], own: set[str]) -> None:
        self._saved = saved
        self._missing = missing
        self._own = own  # keys that belong to the checkpoint's own counter

    def assert_existing_objects_matched(self) -> LoadStatus:
        """Every variable of the program was in the file.

        Raises:
            AssertionError: some were not.
        """
        if self._missing:
            raise AssertionError(
                f"Found {len(self._missing)} Python objects that were not bound to checkpointed"
                " values, likely due to changes in the Python program. Showing"
                f" {min(len(self._missing), 10)} of {len(self._missing)} unmatched objects:"
                f" {self._missing[:10]}"
            )
        return self

    def assert_consumed(self) -> LoadStatus:
        """And every value of the file belongs to a variable of the program.

        Raises:
            AssertionError: some do not.
        """
        if self._saved is not None:
            rest = set(self._saved.arrays) - self._saved.used - self._own
            if rest:
                raise AssertionError(f"Unresolved object in checkpoint: {sorted(rest)}")
        return self.assert_existing_objects_matched()

    def assert_nontrivial_match(self) -> LoadStatus:
        """Something was restored.

        Raises:
            AssertionError: nothing was.
        """
        if self._saved is not None and not self._saved.used:
            raise AssertionError("Nothing to load: the checkpoint and the program share no object")
        return self

    def expect_partial(self) -> LoadStatus:
        """Accept that parts of the file are not used."""
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """For programs with sessions: nothing is left to do."""

    run_restore_ops = initialize_or_restore


class Checkpoint:
    """Saves and restores the variables of objects.

    Args:
        root: an object whose attributes are saved.
        kwargs: objects with variables, or variables, by name.
    """

    _is_checkpoint = True

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._pending: _Saved | None = None
        self._root = root
        self.save_counter = Variable(0, dtype=dtypes.int64, trainable=False, name="save_counter")
        for name, x in kwargs.items():
            if not (isinstance(x, (Variable, list, tuple, dict)) or is_trackable(x)):
                raise ValueError(
                    "`Checkpoint` was expecting a trackable object (an object derived from"
                    f" `Trackable`), got {x!r}. If you believe this object should be trackable"
                    " (i.e. it is part of the TensorFlow Python API and manages state), please open"
                    " an issue."
                )
            setattr(self, name, x)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        pending = self.__dict__.get("_pending")
        if pending is not None and not name.startswith("_"):
            place = pending.nodes[0]["children"].get(name)
            if place is not None:  # an object made after `restore`
                pending.restore(place, value)

    def _objects(self) -> Any:
        """What is saved: the attributes, and those of the root."""
        own = {n: x for n, x in vars(self).items() if not n.startswith("_")}
        if self._root is None:
            return own
        below = self._root if isinstance(self._root, dict) else vars(self._root)
        return {**below, **own}

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write the file of this prefix; gives the prefix."""
        prefix = os.fsdecode(file_prefix)
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        nodes = walk(self._objects())
        description = [_described(node) for node in nodes]
        write_arrays(prefix + OBJECTS, arrays_of(nodes), description)
        return prefix

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write a numbered file, `<prefix>-1` at first, and note it as the latest one."""
        self.save_counter.assign_add(1)
        prefix = f"{os.fsdecode(file_prefix)}-{int(self.save_counter.numpy())}"
        path = self.write(prefix)
        write_state(os.path.dirname(path) or ".", path, [path])
        return path

    def read(self, save_path: Any, options: Any = None) -> LoadStatus:
        """Give all variables the values of a file that `write` made."""
        return self._restored(save_path)

    def restore(self, save_path: Any, options: Any = None) -> LoadStatus:
        """Give all variables the values of a file; variables made later get theirs when assigned.

        Args:
            save_path: what `save` has returned; None to do nothing.
            options: for TensorFlow's signature.

        Raises:
            NotFoundError: there is no such file.
            ValueError: the shapes of a variable and its value differ.
        """
        if save_path is None:
            return LoadStatus(None, [], set())
        return self._restored(save_path)

    def _restored(self, save_path: Any) -> LoadStatus:
        saved = _Saved(os.fsdecode(save_path))
        counter = variable_key(Node("variable", None, "save_counter"))
        missing = [
            v for v in saved.restore(0, self._objects()) if v.handle is not self.save_counter.handle
        ]
        self._pending = saved
        return LoadStatus(saved, missing, {counter})


def _described(node: Node) -> dict[str, Any]:
    made: dict[str, Any] = {"children": node.children}
    if node.kind == "variable":
        made["key"] = variable_key(node)
    return made


class CheckpointManager:
    """Keeps the newest checkpoints of a folder and deletes the others.

    Args:
        checkpoint: what is saved.
        directory: where.
        max_to_keep: how many; None for all.
        checkpoint_name: how the files are called.
        step_counter: a variable; with `checkpoint_interval`, saves only once it has moved so far.
        checkpoint_interval: see there.
        init_fn: called by `restore_or_initialize` if there is no checkpoint.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable[[], None] | None = None,
    ) -> None:
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(
                "Expected a positive integer or `None` for `max_to_keep`,"
                f" got max_to_keep={max_to_keep}"
            )
        self.checkpoint = checkpoint
        self.directory = os.fsdecode(directory)
        self._limit = max_to_keep
        self._name = checkpoint_name
        self._step, self._interval, self._init = step_counter, checkpoint_interval, init_fn
        self._last_step: int | None = None
        state = get_checkpoint_state(self.directory)
        found = [] if state is None else state.all_model_checkpoint_paths
        self._paths = [p for p in found if os.path.exists(p + OBJECTS)]

    @property
    def checkpoints(self) -> list[str]:
        """The prefixes that are kept, the newest last."""
        return list(self._paths)

    @property
    def latest_checkpoint(self) -> str | None:
        """The newest prefix."""
        return self._paths[-1] if self._paths else None

    @property
    def checkpoint_interval(self) -> int | None:
        """How far the step counter moves between saves."""
        return self._interval

    def save(
        self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None
    ) -> str | None:
        """Write a checkpoint and delete the oldest; None if it is not yet time."""
        step = None if self._step is None else int(self._step.numpy())
        if check_interval and self._interval is not None and step is not None:
            if self._last_step is not None and step - self._last_step < self._interval:
                return None
            self._last_step = step
        counter = self.checkpoint.save_counter
        counter.assign_add(1)
        number = int(counter.numpy() if checkpoint_number is None else checkpoint_number)
        prefix = os.path.join(self.directory, f"{self._name}-{number}")
        path = self.checkpoint.write(prefix)
        self._paths = [p for p in self._paths if p != path] + [path]
        while self._limit is not None and len(self._paths) > self._limit:
            os.remove(self._paths.pop(0) + OBJECTS)
        write_state(self.directory, path, self._paths)
        return path

    def restore_or_initialize(self) -> str | None:
        """Restore the newest checkpoint; if there is none, call `init_fn`."""
        if self.latest_checkpoint is None:
            if self._init is not None:
                self._init()
            return None
        self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint
