"""Shape functions against NumPy, with fixed and with symbolic sizes."""

import numpy as np
import pytest

from support.tracing import check_all_sizes

X = np.arange(24.0).reshape(2, 3, 4)
M = np.arange(12.0).reshape(3, 4)
V = np.arange(6.0)
S = np.arange(9, dtype=np.int32).reshape(3, 3)

CASES = {
    "reshape": (lambda x: np.reshape(x, (4, 6)), X),
    "reshape_unknown": (lambda x: x.reshape(-1, 2), X),
    "reshape_method": (lambda x: x.reshape(3, 8), X),
    "reshape_shape": (lambda x: x.reshape(x.shape[0] * x.shape[1], -1), X),
    "reshape_swapped": (lambda x: x.reshape(x.shape[2], x.shape[1], x.shape[0]), X),
    "reshape_int": (lambda x: np.reshape(x, -1), X),
    "reshape_tuple_method": (lambda x: x.reshape((6, 4)), X),
    "ravel": (lambda x: np.ravel(x), X),
    "ravel_method": (lambda x: x.ravel(), M),
    "flatten": (lambda x: x.flatten(), M),
    "ravel_transposed": (lambda x: x.T.ravel(), M),
    "transpose": (lambda x: np.transpose(x), X),
    "transpose_axes": (lambda x: np.transpose(x, (1, 2, 0)), X),
    "transpose_negative": (lambda x: np.transpose(x, (-1, 0, 1)), X),
    "transpose_method": (lambda x: x.transpose(2, 0, 1), X),
    "transpose_tuple": (lambda x: x.transpose((2, 0, 1)), X),
    "T": (lambda x: x.T, X),
    "mT": (lambda x: x.mT, X),
    "matrix_transpose": (lambda x: np.matrix_transpose(x), X),
    "permute_dims": (lambda x: np.permute_dims(x, (2, 1, 0)), X),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), X),
    "swapaxes_method": (lambda x: x.swapaxes(0, 1), X),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), X),
    "moveaxis_several": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), X),
    "rollaxis": (lambda x: np.rollaxis(x, 2), X),
    "rollaxis_start": (lambda x: np.rollaxis(x, 0, 3), X),
    "expand_dims": (lambda x: np.expand_dims(x, 1), M),
    "expand_dims_several": (lambda x: np.expand_dims(x, (0, -1)), M),
    "squeeze": (lambda x: np.squeeze(x[:, None, :, None]), M),
    "squeeze_axis": (lambda x: np.squeeze(x[:, None], axis=1), M),
    "squeeze_method": (lambda x: x[None].squeeze(0), M),
    "flip": (lambda x: np.flip(x), X),
    "flip_axis": (lambda x: np.flip(x, 1), X),
    "flip_axes": (lambda x: np.flip(x, (0, 2)), X),
    "fliplr": (lambda x: np.fliplr(x), M),
    "flipud": (lambda x: np.flipud(x), M),
    "rot90": (lambda x: [np.rot90(x, k) for k in range(-1, 5)], M),
    "rot90_axes": (lambda x: np.rot90(x, 1, (2, 0)), X),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), M),
    "broadcast_to_shape": (lambda x: np.broadcast_to(x[:, None], (*x.shape, 2)), V),
    "broadcast_arrays": (lambda x, v: np.broadcast_arrays(x, v[:3, None]), M, V),
    "atleast_1d": (lambda x: np.atleast_1d(x, x[0, 0]), M),
    "atleast_2d": (lambda x: np.atleast_2d(x), V),
    "atleast_3d": (lambda x, v: np.atleast_3d(x, v, v[0]), M, V),
    "copy": (lambda x: (np.copy(x), x.copy()), M),
    "astype": (lambda x: x.astype(np.float32), S),
    "astype_name": (lambda x: x.astype("int8"), V),
    "astype_class": (lambda x: (x.astype(float), x.astype(bool), x.astype(int)), S),
    "np_astype": (lambda x: np.astype(x, np.float32), S),
    "real": (lambda x: (x.real, x.imag, np.real(x), np.imag(x), x.conj(), np.conj(x)), M),
    "facts": (lambda x: (np.ndim(x), x.ndim, x.itemsize, x.dtype.name), X),
    "shape": (lambda x: np.shape(x)[0] + x.shape[1] + np.size(x) + x.size + np.size(x, 1), X),
    "len": (lambda x: len(x), X),
    "iterate": (lambda x: [row * 2 for row in x], M),
    "unpack": (lambda x: sum([*x]), M),
    "flat": (lambda x: x.flat[3], M),
    "concatenate": (lambda x, y: np.concatenate([x, y * 2], axis=0), M, M),
    "concatenate_axis": (lambda x, y: np.concatenate((x, y[:, :2]), axis=-1), M, M),
    "concatenate_none": (lambda x, y: np.concatenate((x, y), axis=None), M, S),
    "concatenate_dtypes": (lambda x, y: np.concatenate((x[:, :3], y)), M, S),
    "concatenate_dtype": (lambda x, y: np.concatenate((x, y), dtype=np.float32), M, M),
    "concatenate_constant": (lambda x: np.concatenate((x, [1.0, 2.0])), V),
    "stack": (lambda x, y: np.stack([x, y]), M, M),
    "stack_axis": (lambda x, y: np.stack([x, y], axis=-1), M, M),
    "stack_scalars": (lambda x: np.stack([x[0], x[1], x.sum()]), V),
    "array_of_scalars": (lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]), V),
    "vstack": (lambda x, v: (np.vstack((x, x)), np.vstack((v, v))), M, V),
    "hstack": (lambda x, v: (np.hstack((x, x)), np.hstack((v, v))), M, V),
    "dstack": (lambda x, v: (np.dstack((x, x)), np.dstack((v, v))), M, V),
    "column_stack": (lambda x, v: np.column_stack((v[:3], x)), M, V),
    "append": (lambda x: (np.append(x, x), np.append(x, x[:1], axis=0)), M),
    "meshgrid": (lambda x, v: np.meshgrid(v, x[0]), M, V),
    "meshgrid_ij": (lambda x, v: np.meshgrid(v, x[0], x[1], indexing="ij"), M, V),
    "meshgrid_sparse": (lambda x, v: np.meshgrid(v, x[0], sparse=True), M, V),
    "split": (lambda x: np.split(x, 2), V),
    "split_at": (lambda x: np.split(x, [1, 4, 5]), V),
    "split_axis": (lambda x: np.split(x, 2, axis=1), M),
    "array_split": (lambda x: np.array_split(x, 4), V),
    "hsplit": (lambda x: np.hsplit(x, 2), M),
    "vsplit": (lambda x: np.vsplit(x, 3), M),
    "dsplit": (lambda x: np.dsplit(x, 2), X),
    "unstack": (lambda x: np.unstack(x, axis=1), M),
    "tile": (lambda x: np.tile(x, 2), M),
    "tile_several": (lambda x: np.tile(x, (2, 1, 3)), M),
    "repeat": (lambda x: np.repeat(x, 2), M),
    "repeat_axis": (lambda x: np.repeat(x, 3, axis=1), M),
    "repeat_counts": (lambda x: np.repeat(x, [1, 0, 2], axis=0), M),
    "repeat_method": (lambda x: x.repeat(2, 0), M),
    "roll": (lambda x: np.roll(x, 2), V),
    "roll_flat": (lambda x: np.roll(x, 1), M),
    "roll_far": (lambda x: (np.roll(x, 7), np.roll(x, -13), np.roll(x, 0)), V),
    "roll_traced": (lambda x, n: (np.roll(x, n), np.roll(x, n, 1), np.roll(x, -n, 0)), M, 7),
    "roll_axis": (lambda x: np.roll(x, -1, axis=1), M),
    "roll_axes": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    "diagonal": (lambda x: np.diagonal(x), M),
    "diagonal_offset": (lambda x: (np.diagonal(x, 1), np.diagonal(x, -1), x.diagonal(2)), M),
    "diagonal_axes": (lambda x: np.diagonal(x, 0, 1, 2), X),
    "diag": (lambda v: np.diag(v), V),
    "diag_offset": (lambda v: (np.diag(v, 1), np.diag(v, -2)), V),
    "diag_matrix": (lambda x: np.diag(x, 1), M),
    "trace": (lambda x: np.trace(x), M),
    "trace_int": (lambda x: x.trace(1), S),
    "tril": (lambda x: (np.tril(x), np.tril(x, 1), np.tril(x, -1)), M),
    "triu": (lambda x: (np.triu(x), np.triu(x, 2)), X),
}


@pytest.mark.parametrize("name", CASES)
def test_shape_function(name):
    function, *args = CASES[name]
    check_all_sizes(function, *args)


PADS = [
    (2, "constant", {}),
    ((1, 3), "constant", {"constant_values": 7}),
    (((0, 1), (2, 0)), "constant", {"constant_values": ((1, 2), (3, 4))}),
    ({1: (1, 2)}, "constant", {}),
    (2, "edge", {}),
    (((1, 2), (0, 3)), "edge", {}),
    (2, "reflect", {}),
    (((2, 1), (3, 0)), "reflect", {}),
    (7, "reflect", {}),
    (3, "symmetric", {}),
    (9, "symmetric", {}),
    (2, "wrap", {}),
    (8, "wrap", {}),
]


@pytest.mark.parametrize(("width", "mode", "options"), PADS)
def test_pad(width, mode, options):
    check_all_sizes(lambda x: np.pad(x, width, mode, **options), M)
