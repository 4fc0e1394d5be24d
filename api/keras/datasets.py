"""`tf.keras.datasets`: data sets by name, from files; nothing is downloaded."""

from ..frontend.tf.keras.datasets import SETS

boston_housing = SETS["boston_housing"]
california_housing = SETS["california_housing"]
cifar10 = SETS["cifar10"]
cifar100 = SETS["cifar100"]
fashion_mnist = SETS["fashion_mnist"]
imdb = SETS["imdb"]
mnist = SETS["mnist"]
reuters = SETS["reuters"]
