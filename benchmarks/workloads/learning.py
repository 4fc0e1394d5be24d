"""Training steps with the gradients written by hand: a line, a perceptron, a convolutional net.

Parameters and the moments of Adam are tuples of arrays; a step takes and returns them, and the
number of the step is a Python integer, as in any training loop. tensorwright is measured with
gradients that it generates itself (`ours.py`); those written here are the reference.
"""

import numpy as np

from ..workload import Workload

LEARNING_RATE = 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
KERNEL = 5


def adam(params, grads, first, second, step):
    """Kingma and Ba (2015): the new parameters and both moments."""
    first = tuple(BETA1 * m + (1 - BETA1) * g for m, g in zip(first, grads, strict=True))
    second = tuple(BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, grads, strict=True))
    rate = LEARNING_RATE * (1 - BETA2**step) ** 0.5 / (1 - BETA1**step)
    params = tuple(
        p - rate * m / (np.sqrt(v) + EPSILON) for p, m, v in zip(params, first, second, strict=True)
    )
    return params, first, second


def softmax_loss(logits, targets):
    """Mean cross-entropy against one-hot rows, and its gradient by the logits."""
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    exps = np.exp(shifted)
    total = np.sum(exps, axis=1, keepdims=True)
    loss = np.mean(np.sum((np.log(total) - shifted) * targets, axis=1))
    return loss, (exps / total - targets) / logits.shape[0]


def mlp_forward(x, w1, b1, w2, b2):
    return np.maximum(x @ w1 + b1, 0) @ w2 + b2


def mlp_step(params, first, second, step, x, targets):
    """Loss, gradient and Adam update of a perceptron with one hidden layer."""
    w1, b1, w2, b2 = params
    hidden = np.maximum(x @ w1 + b1, 0)
    loss, d_logits = softmax_loss(hidden @ w2 + b2, targets)
    d_hidden = np.where(hidden > 0, d_logits @ w2.T, 0)
    grads = (
        x.T @ d_hidden,
        np.sum(d_hidden, axis=0),
        hidden.T @ d_logits,
        np.sum(d_logits, axis=0),
    )
    return *adam(params, grads, first, second, step), loss


def patches(images):
    """Every KERNEL x KERNEL neighbourhood, zeros outside: [n, h, w, c] -> [n, h, w, k*k*c]."""
    margin = KERNEL // 2
    n, h, w, c = images.shape
    padded = np.zeros((n, h + 2 * margin, w + 2 * margin, c), images.dtype)
    padded[:, margin:-margin, margin:-margin] = images
    shifts = [padded[:, i : i + h, j : j + w] for i in range(KERNEL) for j in range(KERNEL)]
    return np.concatenate(shifts, axis=3)


def unpatch(d_columns, channels):
    """The transpose of `patches`: adds every neighbourhood back where it came from."""
    margin = KERNEL // 2
    n, h, w, _ = d_columns.shape
    padded = np.zeros((n, h + 2 * margin, w + 2 * margin, channels), d_columns.dtype)
    for k in range(KERNEL * KERNEL):
        i, j = divmod(k, KERNEL)
        block = d_columns[..., k * channels : (k + 1) * channels]
        padded[:, i : i + h, j : j + w] += block
    return padded[:, margin:-margin, margin:-margin]


def max_pool(x):
    """The largest of each 2 x 2 block of [n, h, w, c]."""
    n, h, w, c = x.shape
    return np.max(x.reshape(n, h // 2, 2, w // 2, 2, c), axis=(2, 4))


def unpool(x, pooled, d_pooled):
    """The gradient of `max_pool`: to the elements that are their block's largest."""
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2, c)
    chosen = blocks == pooled[:, :, None, :, None, :]
    return (chosen * d_pooled[:, :, None, :, None, :]).reshape(n, h, w, c)


def conv_pool(x, w, b):
    """Convolution with zero padding, ReLU, pooling; also what the gradient needs."""
    columns = patches(x)
    active = np.maximum(columns @ w + b, 0)
    return max_pool(active), columns, active


def conv_pool_gradient(columns, active, pooled, d_pooled):
    """Gradients of `conv_pool` by its weights, its bias, and its pre-activation."""
    d_linear = unpool(active, pooled, d_pooled) * (active > 0)
    rows, outputs = columns.shape[-1], active.shape[-1]
    d_w = columns.reshape(-1, rows).T @ d_linear.reshape(-1, outputs)
    return d_w, np.sum(d_linear, axis=(0, 1, 2)), d_linear


def cnn_step(params, first, second, step, images, targets):
    """Loss, gradient and Adam update: two convolutions with pooling, two dense layers."""
    w1, b1, w2, b2, w3, b3, w4, b4 = params
    pool1, columns1, active1 = conv_pool(images, w1, b1)
    pool2, columns2, active2 = conv_pool(pool1, w2, b2)
    flat = pool2.reshape(images.shape[0], -1)
    hidden = np.maximum(flat @ w3 + b3, 0)
    loss, d_logits = softmax_loss(hidden @ w4 + b4, targets)

    d_hidden = (d_logits @ w4.T) * (hidden > 0)
    d_pool2 = (d_hidden @ w3.T).reshape(pool2.shape)
    d_w2, d_b2, d_linear2 = conv_pool_gradient(columns2, active2, pool2, d_pool2)
    d_pool1 = unpatch(d_linear2 @ w2.T, pool1.shape[3])
    d_w1, d_b1, _ = conv_pool_gradient(columns1, active1, pool1, d_pool1)
    grads = (
        d_w1,
        d_b1,
        d_w2,
        d_b2,
        flat.T @ d_hidden,
        np.sum(d_hidden, axis=0),
        hidden.T @ d_logits,
        np.sum(d_logits, axis=0),
    )
    return *adam(params, grads, first, second, step), loss


def linreg_step(w, b, x, y):
    """Loss, gradient and update for `w*x + b`."""
    error = w * x + b - y
    loss = np.sum(error * error)
    return w - 0.01 * np.sum(2 * error * x), b - 0.01 * np.sum(2 * error), loss


def dense(rng, dtype, *shape):
    """A weight matrix with the scale of He et al. (2015), and a small bias."""
    w = rng.normal(0.0, (2 / shape[0]) ** 0.5, shape)
    return w.astype(dtype), rng.normal(0.0, 0.1, shape[1]).astype(dtype)


def training_state(rng, params):
    """Parameters and moments as in the middle of a training: no moment is zero."""
    first = tuple(rng.normal(0.0, 1e-3, p.shape).astype(p.dtype) for p in params)
    second = tuple(rng.uniform(1e-4, 1e-3, p.shape).astype(p.dtype) for p in params)
    return params, first, second, 3


def one_hot(rng, dtype, rows, classes):
    return np.eye(classes, dtype=dtype)[rng.integers(0, classes, rows)]


def perceptron_inputs(rng, dtype, batch, inputs, hidden, classes):
    x = rng.uniform(0.0, 1.0, (batch, inputs)).astype(dtype)
    return x, *dense(rng, dtype, inputs, hidden), *dense(rng, dtype, hidden, classes)


def mlp_inputs(rng, dtype, batch, inputs, hidden, classes):
    x, *params = perceptron_inputs(rng, dtype, batch, inputs, hidden, classes)
    return *training_state(rng, tuple(params)), x, one_hot(rng, dtype, batch, classes)


def cnn_inputs(rng, dtype, batch, side, channels1, channels2, hidden, classes):
    params = (
        *dense(rng, dtype, KERNEL * KERNEL, channels1),
        *dense(rng, dtype, KERNEL * KERNEL * channels1, channels2),
        *dense(rng, dtype, (side // 4) ** 2 * channels2, hidden),
        *dense(rng, dtype, hidden, classes),
    )
    images = rng.uniform(0.0, 1.0, (batch, side, side, 1)).astype(dtype)
    return *training_state(rng, params), images, one_hot(rng, dtype, batch, classes)


def four_points(rng, dtype, n):
    x = np.arange(1, n + 1, dtype=dtype)
    return np.full(1, 0.3, dtype), np.full(1, -0.3, dtype), x, 1 - x


def next_batch(arguments, result):
    params, first, second, _ = result
    return params, first, second, arguments[3] + 1, *arguments[4:]


def next_line(arguments, result):
    return *result[:2], *arguments[2:]


PERCEPTRON = ((128, 784, 128, 10), (32, 64, 32, 10), (2, 4, 3, 2))

WORKLOADS = (
    Workload("mlp_forward", mlp_forward, perceptron_inputs, *PERCEPTRON, tolerance=(1e-4, 1e-11)),
    Workload(
        "mlp_step",
        mlp_step,
        mlp_inputs,
        *PERCEPTRON,
        tolerance=(1e-4, 1e-11),
        steps=20,
        carry=next_batch,
    ),
    Workload(
        "cnn_step",
        cnn_step,
        cnn_inputs,
        (128, 28, 32, 64, 1024, 10),
        (8, 12, 4, 8, 32, 10),
        (2, 8, 2, 3, 4, 2),
        # One unit that rounding puts on the other side of its ReLU changes 4e-4 of a moment.
        tolerance=(1e-3, 1e-11),
        steps=2,
        dtypes=("float32",),
        carry=next_batch,
    ),
    Workload(
        "linreg_step",
        linreg_step,
        four_points,
        (4,),
        (4,),
        (4,),
        steps=100,
        carry=next_line,
        tolerance=(1e-4, 1e-11),
    ),
)
