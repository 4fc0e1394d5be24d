"""`tf.train.Saver`: the values of variables by name, in TensorFlow's own files.

Layer: frontend. Values go between a session and the files without ops of the graph. In eager
programs, which have no sessions, the session is None.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError, NotFoundError
from ..graph.definition import export_meta_graph
from ..graph.program import uninitialized
from ..graph.state import is_building
from ..graph.variables import GraphVariable, global_variables
from ..saving.bundle import BundleReader, has_bundle, write_bundle
from ..saving.state import FILE, get_checkpoint_mtimes, remove_checkpoint, write_state
from ..shapes import TensorShape
from ..tensors import Tensor
from ..variables import Variable
from . import messages
from .steps import global_step as step_of

_FAILED = "Restoring from checkpoint failed. This is most likely due to a "
_ADVICE = (
    " Please ensure that you have not altered the graph expected based on the checkpoint. Original"
    " error:\n\n"
)


class Saver:
    """Saves and restores variables.

    Args:
        var_list: variables, or a dict of variables by the names they are saved as; by default all
            global variables, by their own names.
        reshape: whether values of other shapes with as many elements are taken.
        sharded: for TensorFlow's signature: there is one file of values.
        max_to_keep: how many checkpoints are kept; 0 or None for all.
        keep_checkpoint_every_n_hours: besides, one is kept for good whenever so much time has gone.
        name: for TensorFlow's signature, like the next three.
        restore_sequentially: see there.
        saver_def: see there.
        builder: see there.
        defer_build: whether variables are looked for when `build`, `save` or `restore` is called.
        allow_empty: whether there may be no variables.
        write_version: for TensorFlow's signature.
        pad_step_number: whether numbers of steps have eight digits.
        save_relative_paths: for TensorFlow's signature: paths in the list are relative.
        filename: for TensorFlow's signature.

    Raises:
        ValueError: there are no variables, or two of one name.
        TypeError: something else is to be saved.
        RuntimeError: in an eager program, no variables are given.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = 2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        if var_list is None and not is_building():
            raise RuntimeError(
                "When eager execution is enabled, `var_list` must specify a list or dict of"
                " variables to save"
            )
        self._given = var_list
        self._reshape, self._pad = reshape, pad_step_number
        self._limit = max_to_keep or 0
        self._hours = keep_checkpoint_every_n_hours
        self._preserve_after = time.time() + 3600 * keep_checkpoint_every_n_hours
        self._allow_empty = allow_empty
        self._kept: list[tuple[str, float]] = []  # prefixes and when they were written
        self._variables: dict[str, Any] | None = None
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Look for the variables, if that has not been done."""
        if self._variables is None:
            self._variables = _by_name(self._given)
            if not self._variables and not self._allow_empty:
                raise ValueError("No variables to save")

    def _built(self) -> dict[str, Any]:
        if self._variables is None:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        return self._variables

    # -- saving -----------------------------------------------------------------------------------

    def save(
        self,
        sess: Any,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Write a checkpoint and delete the oldest.

        Args:
            sess: the session with the values.
            save_path: the prefix of the files.
            global_step: a number, or a variable or tensor with one, that is added to the prefix.
            latest_filename: of the file that lists the checkpoints; "checkpoint" by default.
            meta_graph_suffix: for TensorFlow's signature: graphs are not saved.
            write_meta_graph: see there.
            write_state: whether that file is written.
            strip_default_attrs: see there.
            save_debug_info: see there.

        Returns:
            The prefix, with the number.

        Raises:
            TypeError: `sess` is no session, or the prefix no string.
            ValueError: `latest_filename` has a folder.
            FailedPreconditionError: a variable has no value.
        """
        variables = self._built()
        name = latest_filename or FILE
        if os.path.split(name)[0]:
            raise ValueError("'latest_filename' must not contain path components")
        session = _session(sess)
        prefix = self._prefix(save_path, global_step, name, session)
        if not variables:
            return None
        arrays = {key: _value(v, session) for key, v in variables.items()}
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        write_bundle(prefix, arrays)
        self._keep(prefix)
        if write_state:
            self._write_state(prefix, name)
        return prefix

    def _prefix(self, save_path: Any, global_step: Any, latest: str, session: Any) -> str:
        if not isinstance(save_path, (str, bytes, os.PathLike)):
            raise TypeError(f"Expected binary or unicode string, got {save_path!r}")
        path = os.fsdecode(save_path)
        if global_step is None:
            if os.path.basename(path) == latest:
                raise ValueError(
                    f"'latest_filename' collides with 'save_path': '{latest}' and '{path}'"
                )
            return path
        is_number = isinstance(global_step, (int, np.integer))
        number = int(global_step) if is_number else step_of(session, global_step)
        return f"{path}-{number:08d}" if self._pad else f"{path}-{number}"

    def _keep(self, prefix: str) -> None:
        """Add a checkpoint to those that are kept, and delete the one that is too many."""
        self._kept = [(p, t) for p, t in self._kept if p != prefix]
        self._kept.append((prefix, time.time()))
        if not self._limit or len(self._kept) <= self._limit:
            return
        oldest, written = self._kept.pop(0)
        if written > self._preserve_after:
            self._preserve_after += 3600 * self._hours
        else:
            remove_checkpoint(oldest)

    def _write_state(self, prefix: str, name: str) -> None:
        write_state(os.path.dirname(prefix), prefix, self.last_checkpoints, name)

    # -- restoring --------------------------------------------------------------------------------

    def restore(self, sess: Any, save_path: Any) -> None:
        """Give the variables the values of a checkpoint; they need not be initialised.

        Args:
            sess: the session that gets the values.
            save_path: what `save` has returned.

        Raises:
            ValueError: there is no such checkpoint.
            NotFoundError: a variable is not in it.
            InvalidArgumentError: the value of a variable has another shape or dtype.
        """
        variables = self._built()
        if not variables:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        prefix = os.fsdecode(save_path)
        if not has_bundle(prefix) and not os.path.isfile(prefix):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {prefix}")
        messages.info("Restoring parameters from %s", prefix)
        reader = BundleReader(prefix)
        session = _session(sess)
        found = {key: self._array(reader, key, variables[key]) for key in sorted(variables)}
        for key, array in found.items():
            _assign(variables[key], array, session)

    def _array(self, reader: BundleReader, key: str, variable: Any) -> np.ndarray:
        if not reader.has_tensor(key):
            raise NotFoundError(
                None,
                None,
                f"{_FAILED}Variable name or other graph key that is missing from the checkpoint."
                f"{_ADVICE}Key {key} not found in checkpoint\n\t [[{{{{node save/RestoreV2}}}}]]",
            )
        array = reader.get_tensor(key)
        wanted = variable.dtype.base_dtype
        stored = reader.get_variable_to_dtype_map()[key]
        if stored is not wanted:
            raise _mismatch(
                f"tensor_name = {key}; expected dtype {wanted.kernel_name} does not equal original"
                f" dtype {stored.kernel_name}\n\t [[{{{{node save/RestoreV2}}}}]]"
            )
        shape = variable.shape
        if shape.is_compatible_with(TensorShape(array.shape)):
            return array
        if self._reshape and shape.num_elements() == array.size:
            return array.reshape(shape.as_list())
        sizes = [f"[{','.join(map(str, s))}]" for s in (shape.as_list(), array.shape)]
        raise _mismatch(
            "Assign requires shapes of both tensors to match. lhs shape="
            f" {sizes[0]} rhs shape= {sizes[1]}\n\t [[{{{{node save/Assign}}}}]]"
        )

    # -- which checkpoints there are --------------------------------------------------------------

    @property
    def last_checkpoints(self) -> list[str]:
        """The prefixes of the checkpoints that are kept, the newest last."""
        return [p for p, _ in self._kept]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Say which checkpoints there are, the newest last."""
        self._kept = [(p, float("nan")) for p in last_checkpoints]

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: Sequence[tuple[str, float]]
    ) -> None:
        """The same, with the times when they were written."""
        self._kept = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Go on with checkpoints of an earlier run: those of these prefixes that there are."""
        present = [p for p in checkpoint_paths if has_bundle(p)]
        self._kept = list(zip(present, get_checkpoint_mtimes(present), strict=True))

    def export_meta_graph(self, *args: Any, **kwargs: Any) -> Any:
        """Refused, as `tf.train.export_meta_graph`."""
        export_meta_graph(*args, **kwargs)

    def as_saver_def(self) -> Any:
        """Refused: there are no ops that save.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "Saver.as_saver_def is not supported: make the Saver again, with the same variables"
        )


def _mismatch(text: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{_FAILED}mismatch between the current graph and the graph from the checkpoint.{_ADVICE}"
        f"{text}"
    )


def _by_name(var_list: Any) -> dict[str, Any]:
    """The variables by the names that they are saved as."""
    if isinstance(var_list, Mapping):
        for v in var_list.values():
            _check(v)
        return dict(var_list)
    if var_list is None:
        given = global_variables()
    else:
        given = list(var_list) if isinstance(var_list, (list, tuple, set)) else [var_list]
    found: dict[str, Any] = {}
    for v in given:
        _check(v)
        name = v.op.name if isinstance(v, GraphVariable) else v.name.removesuffix(":0")
        if name in found:
            raise ValueError(f"At least two variables have the same name: {name}")
        found[name] = v
    return found


def _check(x: Any) -> None:
    if not isinstance(x, Variable):
        shown = x if isinstance(x, Tensor) else repr(x)
        raise TypeError(f"Variable to save is not a Variable: {shown}")


def _session(sess: Any) -> Any:
    """The session itself, where it is wrapped in one that looks after it."""
    if not is_building() and sess is None:
        return None
    found = sess._tf_sess() if hasattr(sess, "_tf_sess") else sess
    if not hasattr(found, "cell"):
        raise TypeError(f"'sess' must be a Session; {sess}")
    return found


def _value(variable: Any, session: Any) -> np.ndarray:
    if not isinstance(variable, GraphVariable):
        return np.asarray(variable.numpy())
    session.graph.as_graph_element(variable)
    array = session.cell(variable.handle).array
    if array is None:
        raise uninitialized(variable.op.name)
    return np.asarray(array)


def _assign(variable: Any, array: np.ndarray, session: Any) -> None:
    if not isinstance(variable, GraphVariable):
        variable.assign(convert_to_tensor(array))
        return
    session.graph.as_graph_element(variable)
    variable.load(array, session)
