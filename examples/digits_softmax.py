"""Tell digits apart by one matrix product: softmax regression, in TensorFlow 2's style.

    python examples/digits_softmax.py [--data FOLDER]

A step is one `tf.function`: forward, gradient and update are one native call. See digits.py for the
images and for what is written.
"""

import sys

from digits import Classifier
from digits import main as run

import tensorwright as tf


class Softmax(Classifier):
    """logits = images @ weights + bias."""

    def __init__(self, seed):
        super().__init__()
        self.weights = tf.Variable(tf.zeros([784, 10]))
        self.bias = tf.Variable(tf.zeros([10]))
        self.learned = [self.weights, self.bias]
        self.optimizer = tf.keras.optimizers.SGD(0.5)
        self.dropped = 0.0

    def forward(self, images, dropped):
        """The logits."""
        return images @ self.weights + self.bias


def main(argv=None):
    return run(Softmax, __doc__, steps=2000, accuracy=0.93, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
