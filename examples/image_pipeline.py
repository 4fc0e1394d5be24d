"""Blur, sharpen and find the edges of a photograph: NumPy slices, one decorator.

    python examples/image_pipeline.py --output edges.png

The photograph is `china.jpg`, which scikit-learn ships. Every filter is a sum of shifted copies of
the padded image; compiled, the shifts become loads at other addresses and nothing is copied.
"""

import argparse
import math
import sys
import time

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

import tensorwright as tw

SIGMA = 2.0
RADIUS = 6
SHARPNESS = 1.5
LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


def gaussian_weights(sigma, radius):
    """The weights of a sampled Gaussian, which add up to 1."""
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    return tuple(weight / sum(weights) for weight in weights)


WEIGHTS = gaussian_weights(SIGMA, RADIUS)


def gaussian_blur(image):
    """A separable blur, down the columns and then along the rows; borders repeat."""
    height, width, _ = image.shape
    padded = np.pad(image, ((RADIUS, RADIUS), (0, 0), (0, 0)), mode="edge")
    image = sum(weight * padded[k : k + height] for k, weight in enumerate(WEIGHTS))
    padded = np.pad(image, ((0, 0), (RADIUS, RADIUS), (0, 0)), mode="edge")
    return sum(weight * padded[:, k : k + width] for k, weight in enumerate(WEIGHTS))


def sobel_edges(image):
    """The length of the brightness gradient by Sobel's 3 x 3 masks; 0 on the border."""
    red, green, blue = LUMINANCE
    grey = red * image[..., 0] + green * image[..., 1] + blue * image[..., 2]
    down = grey[2:] - grey[:-2]
    across = grey[:, 2:] - grey[:, :-2]
    dy = down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]
    dx = across[:-2] + 2 * across[1:-1] + across[2:]
    edges = np.zeros(grey.shape, grey.dtype)
    edges[1:-1, 1:-1] = np.sqrt(dx * dx + dy * dy)
    return edges


@tw.jit
def pipeline(image):
    """The image (height x width x RGB, values 0 to 1) blurred, sharpened, and its edges."""
    blurred = gaussian_blur(image)
    sharpened = np.clip(image + SHARPNESS * (image - blurred), 0, 1)
    return blurred, sharpened, sobel_edges(blurred)


def side_by_side(image, blurred, sharpened, edges):
    """The four pictures in a square, as bytes."""
    edges = np.repeat(edges[..., None] / edges.max(), 3, axis=2)
    top, bottom = np.hstack([image, blurred]), np.hstack([sharpened, edges])
    return np.round(255 * np.vstack([top, bottom])).astype(np.uint8)


def median_time(function, *arguments, repeats=5):
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 2]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", default="image_pipeline.png", help="the PNG to write")
    parser.add_argument("--crop", type=int, metavar="N", help="use the top-left N x N pixels only")
    options = parser.parse_args(argv)
    photo = load_sample_image("china.jpg")[: options.crop, : options.crop]
    image = photo.astype(np.float32) / 255

    results = pipeline(image)
    expected = pipeline.__wrapped__(image)
    for name, ours, numpys in zip(("blur", "sharpen", "edges"), results, expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-5, atol=1e-5)
        print(f"{name:<8} largest difference from NumPy {np.abs(ours - numpys).max():.1e}")
    Image.fromarray(side_by_side(image, *results)).save(options.output)
    print(f"{image.shape[1]} x {image.shape[0]} pixels written to {options.output}")

    numpys, ours = median_time(pipeline.__wrapped__, image), median_time(pipeline, image)
    print(f"NumPy {1e3 * numpys:.1f} ms, compiled {1e3 * ours:.2f} ms: {numpys / ours:.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
