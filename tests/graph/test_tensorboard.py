"""TensorBoard itself, on a folder that a program has written: its answers, and its page."""

import importlib.util
import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest
from PIL import Image

import tensorwright.compat.v1 as tf
from support import browser
from tensorwright.frontend.tf.graph.graph import Graph
from tensorwright.frontend.tf.graph.state import MODE

STEPS = 3
# of names of ops: what the graph tab writes beside nodes, in shadow trees, too
NODE_NAMES = """
(() => {
  const found = [];
  const walk = (node) => {
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.children || []) walk(child);
    if (node.tagName === 'title') found.push(node.textContent);
  };
  walk(document.body);
  return found;
})()
"""


def write_program(folder):
    x = tf.placeholder(tf.float32, [None, 4], name="inputs")
    weights = tf.Variable(np.ones((4, 2), np.float32), name="weights")
    product = tf.matmul(x, weights, name="product")
    with tf.get_default_graph().name_scope("loss"):
        loss = tf.reduce_mean(product, name="mean")
    tf.summary.scalar("loss_curve", loss)
    tf.summary.histogram("products", product)
    tf.summary.image("picture", tf.reshape(weights, [1, 4, 2, 1]))
    merged = tf.summary.merge_all()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with tf.summary.FileWriter(folder, session.graph) as writer:
            for step in range(STEPS):
                rows = np.full((3, 4), step, np.float32)
                writer.add_summary(session.run(merged, {x: rows}), step)


class Server:
    """A running TensorBoard."""

    def __init__(self, folder):
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
        self._log = open(folder.parent / "log", "w+")  # noqa: SIM115  (until stop)
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1"], stdout=self._log, stderr=subprocess.STDOUT
        )
        self.address = self._find_address(folder.parent / "log")

    def _find_address(self, log):
        for _ in range(600):
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
            if found:
                return found.group()
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"TensorBoard does not start:\n{log.read_text()}")

    def ask(self, path, **query):
        """The answer of its interface."""
        address = f"{self.address}/data/{path}"
        if query:
            address += f"?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.read()

    def wait_for(self, path, ready):
        """The answer once it is `ready`: files are read in the background."""
        for _ in range(200):
            found = json.loads(self.ask(path))
            if ready(found):
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{path}: {found}")

    def stop(self):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if importlib.util.find_spec("tensorboard") is None:
        pytest.skip("needs the package tensorboard (the extra of this name)")
    folder = tmp_path_factory.mktemp("board") / "logs"
    before, MODE.is_eager = MODE.is_eager, False
    try:
        with Graph().as_default():
            write_program(folder)
    finally:
        MODE.is_eager = before
    found = Server(folder)
    yield found
    found.stop()


def test_scalars(server):
    server.wait_for("plugin/scalars/tags", lambda tags: "loss_curve" in tags.get(".", {}))
    points = json.loads(server.ask("plugin/scalars/scalars", run=".", tag="loss_curve"))
    assert [(step, value) for _, step, value in points] == [(0, 0.0), (1, 4.0), (2, 8.0)]


def test_histograms(server):
    server.wait_for("plugin/histograms/tags", lambda tags: "products" in tags.get(".", {}))
    points = json.loads(server.ask("plugin/histograms/histograms", run=".", tag="products"))
    assert [step for _, step, _ in points] == [0, 1, 2]
    assert sum(count for _, _, count in points[0][2]) == 6


def test_images(server):
    server.wait_for("plugin/images/tags", lambda tags: "picture/image/0" in tags.get(".", {}))
    (first, *_) = json.loads(
        server.ask("plugin/images/images", run=".", tag="picture/image/0", sample=0)
    )
    file = server.ask(f"plugin/images/individualImage?{first['query']}")
    assert Image.open(io.BytesIO(file)).size == (2, 4)


def test_graph(server):
    server.wait_for("plugin/graphs/info", lambda runs: runs.get(".", {}).get("run_graph"))
    text = server.ask("plugin/graphs/graph", run=".", conceptual="false").decode()
    names = re.findall(r'^  name: "(.*)"$', text, re.MULTILINE)
    assert {"inputs", "weights", "product", "loss/mean", "loss_curve", "picture"} <= set(names)
    assert re.search(r"_output_shapes.*?size: -1\n.*?size: 4", text, re.DOTALL)


def test_the_page_shows_the_nodes(server):
    binary = browser.find()
    if binary is None:
        pytest.skip("needs Chromium (or Chrome) on the path")
    server.wait_for("plugin/graphs/info", lambda runs: runs.get(".", {}).get("run_graph"))
    page = browser.Page(binary)
    try:
        page.open(f"{server.address}/#graphs")
        wanted, shown = {"inputs", "weights", "product", "loss"}, set()
        for _ in range(120):
            shown = {name.strip() for name in page.evaluate(NODE_NAMES) or ()}
            if wanted <= shown:
                break
            time.sleep(0.5)
        assert wanted <= shown
    finally:
        page.close()
