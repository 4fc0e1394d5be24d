"""Wrong calls of TensorFlow's ops: what they raise, and what the message says."""

import numpy as np


def cases(tf):
    """(call, class, part of the message) for a module with TensorFlow's names."""
    return [*_operands(tf), *_shapes(tf), *_positions(tf), *_values(tf)]


def _operands(tf):
    """Operands that do not fit together, and indices."""
    c = tf.constant
    invalid = tf.errors.InvalidArgumentError
    row, matrix = c([1.0, 2.0]), c([[1.0, 2.0]])
    return [
        (lambda: c(2.0) + c(40), invalid, "cannot compute AddV2 as input #1"),
        (lambda: c(1) + 1.5, invalid, "was expected to be a int32 tensor but is a float"),
        (lambda: c(1) * 1.5, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: c(1.0) < c(2), invalid, "cannot compute Less as input #1"),
        (lambda: c([1.0]) == c([1]), invalid, "cannot compute Equal"),
        (lambda: tf.add(row, c([1.0, 2.0, 3.0])),
         invalid, "Incompatible shapes: \\[2\\] vs. \\[3\\]"),
        (lambda: tf.exp(c([1])), invalid, "Value for attr 'T' of int32 is not in the list"),
        (lambda: c([True]) + c([True]), invalid, "Value for attr 'T' of bool is not in the list"),
        (lambda: tf.logical_and(c([1]), c([True])), invalid, "expected to be a bool tensor"),
        (lambda: c(5) // c(0), invalid, "Integer division by zero"),
        (lambda: c(5) % c(0), invalid, "Integer division by zero"),
        (lambda: tf.pow(c(2), c(-1)), invalid, "Integers to negative integer powers"),
        (lambda: tf.cast("a", tf.float32), tf.errors.UnimplementedError, "Cast string to float"),
        (lambda: row[5], invalid, "slice index 5 of dimension 0 out of bounds"),
        (lambda: matrix[0, 5], invalid, "slice index 5 of dimension 1 out of bounds"),
        (lambda: row[0, 0], invalid, "Index out of range using input dim 1"),
        (lambda: row[1.5], TypeError, "Only integers, slices"),
        (lambda: tf.reshape(row, [3]),
         invalid, "tensor with 2 values, but the requested shape has 3"),
        (lambda: tf.reshape(row, [-1, 3]), invalid, "requires a multiple of 3"),
        (lambda: tf.reshape(row, [-1, -1]),
         invalid, "Only one input size may be -1, not both 0 and 1"),
    ]  # fmt: skip


def _shapes(tf):
    """Axes and shapes."""
    c = tf.constant
    invalid = tf.errors.InvalidArgumentError
    row, matrix = c([1.0, 2.0]), c([[1.0, 2.0]])
    return [
        (lambda: tf.reduce_sum(row, axis=1), invalid, "Invalid reduction dimension \\(1 for input"),
        (lambda: tf.reduce_sum(matrix, [0, 0]), invalid, "Axes contains duplicate dimension: 0"),
        (lambda: tf.reduce_any(row), invalid, "expected to be a bool tensor"),
        (lambda: tf.math.reduce_std(c([1])), TypeError, "must be either real or complex"),
        (lambda: tf.argmax(row, 1),
         invalid, "Expected dimension in the range \\[-1, 1\\), but got 1"),
        (lambda: tf.cumsum(row, 2), invalid, "axis in the range \\[-1, 1\\), but got 2"),
        (lambda: matrix @ matrix,
         invalid, "Matrix size-incompatible: In\\[0\\]: \\[1,2\\], In\\[1\\]: \\[1,2\\]"),
        (lambda: row @ row, invalid, "In\\[0\\] ndims must be >= 2"),
        (lambda: tf.einsum("ij,jk->ik", matrix, matrix), invalid, "Expected dimension 2 at axis 0"),
        (lambda: tf.linalg.inv(tf.zeros([2, 2])), invalid, "Input is not invertible"),
        (lambda: tf.concat([row, matrix], 0), invalid, "Ranks of all input tensors should match"),
        (lambda: tf.concat([matrix, c([[1.0]])], 0),
         invalid, "Dimension 1 in both shapes must be equal"),
        (lambda: tf.concat([row, c([1])], 0), invalid, "cannot compute ConcatV2 as input #1"),
        (lambda: tf.stack([row, c([1.0])]), invalid, "Shapes of all inputs must match"),
        (lambda: tf.stack([row, row], 5), ValueError, "`axis` = 5 not in range \\[-2, 2\\)"),
        (lambda: tf.unstack(row, axis=2), ValueError, "`axis` = 2 not in range \\[-1, 1\\)"),
        (lambda: tf.split(c([1.0, 2.0, 3.0]), 2),
         invalid, "should evenly divide the split dimension"),
        (lambda: tf.split(c([1.0, 2.0, 3.0]), [1, 1]),
         invalid, "Determined shape must either match"),
        (lambda: tf.transpose(matrix, [0]), invalid, "transpose expects a vector of size 2"),
        (lambda: tf.squeeze(matrix, 1),
         invalid, "Can not squeeze dim\\[1\\], expected a dimension of 1"),
        (lambda: tf.expand_dims(row, 5), invalid, "Tried to expand dim index 5"),
        (lambda: tf.broadcast_to(row, [3]), invalid, "Incompatible shapes: \\[2\\] vs. \\[3\\]"),
        (lambda: tf.tile(row, [1, 2]), invalid, "multiples argument to be a vector of length 1"),
        (lambda: tf.repeat(row, [1, 2, 3], axis=0),
         ValueError, "Dimensions 2 and 3 are not compatible"),
        (lambda: tf.ensure_shape(row, [3]), invalid, "is not compatible with expected shape"),
    ]  # fmt: skip


def _positions(tf):
    """Positions and sizes."""
    c = tf.constant
    invalid = tf.errors.InvalidArgumentError
    row = c([1.0, 2.0])
    return [
        (lambda: tf.gather(row, [5]), invalid, "indices\\[0\\] = 5 is not in \\[0, 2\\)"),
        (lambda: tf.gather(row, [-1]), invalid, "indices\\[0\\] = -1 is not in \\[0, 2\\)"),
        (lambda: tf.gather_nd(row, [[5]]), invalid, "does not index into param shape \\[2\\]"),
        (lambda: tf.scatter_nd([[5]], [1.0], [3]),
         invalid, "indices\\[0\\] = \\[5\\] does not index into"),
        (lambda: tf.slice(row, [1], [5]), invalid, "Expected size\\[0\\] in \\[0, 1\\], but got 5"),
        (lambda: tf.boolean_mask(row, [True]), ValueError, "are incompatible"),
        (lambda: tf.where(row, 1.0, 2.0), invalid, "expected to be a bool tensor"),
        (lambda: tf.where([True, False, True], row, row), invalid, "must be broadcastable"),
        (lambda: tf.zeros([-1]), invalid, "Dimension -1 must be >= 0"),
        (lambda: tf.range(0, 10, 0), invalid, "Requires delta != 0"),
        (lambda: tf.range(5, 0), invalid, "Requires start <= limit when delta > 0"),
    ]  # fmt: skip


def _values(tf):
    """Values, structures and checks."""
    c = tf.constant
    invalid = tf.errors.InvalidArgumentError
    row = c([1.0, 2.0])
    return [
        (lambda: tf.one_hot([1], -1), invalid, "depth must be non-negative"),
        (lambda: tf.constant([1, 2], shape=[3]),
         TypeError, "has 2 elements, but got `shape` \\(3,\\)"),
        (lambda: tf.constant(1.5, tf.int32),
         TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: tf.convert_to_tensor(c(1.0), tf.int32),
         ValueError, "conversion requested dtype int32"),
        (lambda: tf.constant(np.array([[1], [2, 3]], object)),
         ValueError, "Unsupported object type list"),
        (lambda: tf.clip_by_value(c([1.0]), 0, row), ValueError, "are incompatible"),
        (lambda: tf.add_n([c([1.0]), row]), invalid, "must have the same size and shape"),
        (lambda: tf.math.top_k(c([1.0]), 5),
         invalid, "must have at least k columns. Had 1, needed 5"),
        (lambda: tf.map_fn(lambda x: x, c(1.0)), ValueError, "1\\+ dimensional Tensors"),
        (lambda: tf.cond(c(True), 2, 3), TypeError, "'true_fn' must be callable"),
        (lambda: bool(row), ValueError, "truth value of an array"),
        (lambda: iter(c(1.0)), TypeError, "Cannot iterate over a scalar tensor"),
        (lambda: len(c(1.0)), TypeError, "Scalar tensor has no"),
        (lambda: hash(row), TypeError, "Tensor is unhashable"),
        (lambda: tf.debugging.assert_equal(c(1), 2, "told"), invalid, "told"),
        (lambda: tf.debugging.assert_positive(c(-1.0)), invalid, "x > 0 did not hold"),
        (lambda: tf.debugging.assert_rank(row, 2), ValueError, "must have rank 2"),
        (lambda: tf.debugging.assert_type(row, tf.int32), TypeError, "must be of type tf.int32"),
        (lambda: tf.debugging.check_numerics(c(np.nan), "bad"), invalid, "bad : Tensor had NaN"),
        (lambda: tf.nest.pack_sequence_as([1, 2], [1]), ValueError, "Structure had 2"),
        (lambda: tf.nest.assert_same_structure([1], [1, 2]), ValueError, "same n"),
        (lambda: tf.TensorShape([1]).assert_is_compatible_with([2]),
         ValueError, "are incompatible"),
        (lambda: tf.gradients(row, row), RuntimeError, "Use tf.GradientTape instead"),
    ]  # fmt: skip
