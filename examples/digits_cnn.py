"""Tell digits apart with a convolutional network, in TensorFlow 2's style.

    python examples/digits_cnn.py [--data FOLDER]

Convolution 5 x 5 with 32 features, pooling, convolution 5 x 5 with 64 features, pooling, a dense
layer of 1,024, dropout, a dense layer of 10; Adam. A step is one `tf.function`: forward, gradients
and update are one native call. See digits.py for the images and for what is written.
"""

import sys

from digits import Classifier
from digits import main as run

import tensorwright as tf

SHAPES = [5, 5, 1, 32], [5, 5, 32, 64], [7 * 7 * 64, 1024], [1024, 10]


class Cnn(Classifier):
    """Two convolutions with pooling, two dense layers."""

    def __init__(self, seed):
        super().__init__()
        start = tf.keras.initializers.TruncatedNormal(stddev=0.1, seed=seed)
        self.weights = [tf.Variable(start(shape)) for shape in SHAPES]
        self.biases = [tf.Variable(tf.fill([shape[-1]], 0.1)) for shape in SHAPES]
        self.learned = self.weights + self.biases
        self.optimizer = tf.keras.optimizers.Adam(1e-3)
        self.dropped = 0.5

    def forward(self, images, dropped):
        """The logits; `dropped` is the part that dropout leaves out."""
        x = tf.reshape(images, [-1, 28, 28, 1])
        for weights, bias in zip(self.weights[:2], self.biases[:2], strict=True):
            x = tf.nn.relu(tf.nn.conv2d(x, weights, strides=1, padding="SAME") + bias)
            x = tf.nn.max_pool2d(x, ksize=2, strides=2, padding="SAME")
        x = tf.reshape(x, [-1, 7 * 7 * 64])
        x = tf.nn.relu(x @ self.weights[2] + self.biases[2])
        return tf.nn.dropout(x, dropped) @ self.weights[3] + self.biases[3]


def main(argv=None):
    return run(Cnn, __doc__, steps=500, accuracy=0.97, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
