"""What the classifiers of digits share: the images, the loop over steps, and what is kept of it.

The images are the 1,797 digits of scikit-learn's `load_digits` (E. Alpaydin, C. Kaynak, "Optical
Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998), enlarged to the size of
MNIST's, 28 x 28; or MNIST itself, from a folder with its four original files.
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib.figure
import numpy as np

import tensorwright as tf
from tensorwright.examples.tutorials.mnist import input_data

HELD_OUT = 400
CURVE_POINTS = 40  # how often the accuracy is measured in a run


class Classifier(tf.Module):
    """A model in TensorFlow 2's style; a subclass has `forward` and an `optimizer`.

    A call of `train_step` is one native call: forward, gradients and update.
    """

    def forward(self, images, dropped):
        """The logits; `dropped` is the part that dropout leaves out."""
        raise NotImplementedError

    @tf.function
    def logits(self, images):
        """The logits of images that are not learned from."""
        return self.forward(images, 0.0)

    @tf.function
    def classes(self, images):
        """The most likely classes."""
        return tf.argmax(self.forward(images, 0.0), axis=1)

    @tf.function
    def train_step(self, images, labels):
        """Learn from a batch; gives its loss."""
        with tf.GradientTape() as tape:
            logits = self.forward(images, self.dropped)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            )
        gradients = tape.gradient(loss, self.learned)
        self.optimizer.apply_gradients(zip(gradients, self.learned, strict=True))
        return loss


def small_images():
    """scikit-learn's digits: rows of 784 floats from 0 to 1, and labels; (train, test)."""
    from sklearn.datasets import load_digits  # MNIST's files can be read without it

    digits = load_digits()
    large = np.kron(digits.images / 16, np.ones((3, 3)))  # each pixel becomes 3 x 3
    rows = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    order = np.random.RandomState(0).permutation(len(rows))
    rows, labels = rows[order], digits.target[order].astype(np.int64)
    split = len(rows) - HELD_OUT
    return (rows[:split], labels[:split]), (rows[split:], labels[split:])


def load_images(folder):
    """((images, labels) to learn, (images, labels) to test)."""
    if folder is None:
        return small_images()
    sets = input_data.read_data_sets(folder)
    return tuple((s.images, s.labels.astype(np.int64)) for s in (sets.train, sets.test))


def batches(images, labels, size, steps, rng):
    """So many batches, in an order that is drawn anew for every epoch."""
    order, place = rng.permutation(len(labels)), 0
    for _ in range(steps):
        if place + size > len(order):
            order, place = rng.permutation(len(labels)), 0
        chosen = order[place : place + size]
        place += size
        yield tf.constant(images[chosen]), tf.constant(labels[chosen])


def accuracy_of(model, images, labels):
    """The part of the images that the model tells right."""
    pieces = [model.classes(tf.constant(images[k : k + 500])) for k in range(0, len(images), 500)]
    return float(np.mean(np.concatenate([p.numpy() for p in pieces]) == labels))


def progress(steps, label):
    """The steps, with a bar if the package rich is installed."""
    try:
        from rich.progress import track
    except ImportError:
        return steps
    return track(steps, label)


def draw_curves(losses, accuracies, path):
    """The loss of each step, and the accuracy where it was measured, as a picture."""
    figure = matplotlib.figure.Figure(figsize=(8, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(losses, linewidth=0.8)
    left.set(xlabel="step", title="loss of the batch")
    right.plot(*zip(*accuracies, strict=True), marker=".")
    right.set(xlabel="step", title="accuracy on images not learned from")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def train(model, data, options, output):
    """Run the steps; writes curves for TensorBoard and as a picture; gives the last accuracy."""
    (images, labels), test = data
    losses, accuracies = [], []
    every = max(1, options.steps // CURVE_POINTS)
    rng = np.random.default_rng(options.seed)
    steps = batches(images, labels, options.batch, options.steps, rng)
    seconds = 0.0
    with tf.summary.create_file_writer(str(output)).as_default():
        for step, (x, y) in enumerate(progress(list(steps), "training"), start=1):
            begin = time.perf_counter()
            loss = model.train_step(x, y)
            if step > 2:  # the first ones compile
                seconds += time.perf_counter() - begin
            losses.append(float(loss))
            tf.summary.scalar("loss", loss, step=step)
            if step % every == 0 or step == options.steps:
                accuracies.append((step, accuracy_of(model, *test)))
                tf.summary.scalar("accuracy", accuracies[-1][1], step=step)
    draw_curves(losses, accuracies, output / "curves.png")
    print(f"{options.steps} steps of {options.batch} images, {len(labels)} different ones:")
    print(f"  loss {losses[0]:.3f} -> {np.mean(losses[-10:]):.4f},", end=" ")
    print(f"{1e3 * seconds / max(options.steps - 2, 1):.3f} ms a step")
    return accuracies[-1][1]


def restored_equals(make, model, images, output):
    """Save the weights, restore them into a new model, and see whether it tells the same."""
    path = tf.train.Checkpoint(model=model).save(str(output / "weights"))
    again = make(seed=None)
    tf.train.Checkpoint(model=again).restore(path).assert_existing_objects_matched()
    x = tf.constant(images[:100])
    return np.array_equal(model.logits(x), again.logits(x))


def main(make, description, *, steps, accuracy, argv=None):
    """The command line of a classifier.

    Args:
        make: `make(seed)` gives a new model.
        description: for --help.
        steps: how many a full run takes.
        accuracy: what it has to reach.
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--data", help="a folder with MNIST's four files")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--accuracy", type=float, default=accuracy, help="what it has to reach")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("digits"), help="a folder for results")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    tf.random.set_seed(options.seed)
    data = load_images(options.data)
    model = make(seed=options.seed)
    reached = train(model, data, options, options.output)
    same = restored_equals(make, model, data[1][0], options.output)
    print(f"  {100 * reached:.2f} % of {len(data[1][1])} other images are told right")
    print(f"  weights saved and restored: {'the same answers' if same else 'other answers'}")
    print(f"  curves in {options.output}/curves.png; tensorboard --logdir {options.output}")
    return int(not (same and reached >= options.accuracy))


if __name__ == "__main__":
    sys.exit("run digits_softmax.py, digits_mlp.py or digits_cnn.py")
