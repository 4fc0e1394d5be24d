"""Tell digits apart with two hidden layers and dropout, in TensorFlow 2's style.

    python examples/digits_mlp.py [--data FOLDER]

A step is one `tf.function`: forward with dropout, gradients and Adam's update are one native call.
See digits.py for the images and for what is written.
"""

import itertools
import sys

from digits import Classifier
from digits import main as run

import tensorwright as tf

SIZES = 784, 256, 128, 10


class Mlp(Classifier):
    """Dense layers with ReLU between them, and dropout behind each while it learns."""

    def __init__(self, seed):
        super().__init__()
        he = tf.keras.initializers.HeNormal(seed)
        pairs = list(itertools.pairwise(SIZES))
        self.weights = [tf.Variable(he([n, m])) for n, m in pairs]
        self.biases = [tf.Variable(tf.zeros([m])) for _, m in pairs]
        self.learned = self.weights + self.biases
        self.optimizer = tf.keras.optimizers.Adam(1e-3)
        self.dropped = 0.2

    def forward(self, images, dropped):
        """The logits; `dropped` is the part that dropout leaves out."""
        x = images
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = tf.nn.dropout(tf.nn.relu(x @ weights + bias), dropped)
        return x @ self.weights[-1] + self.biases[-1]


def main(argv=None):
    return run(Mlp, __doc__, steps=1000, accuracy=0.96, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
