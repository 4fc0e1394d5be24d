"""What is installed is what the folders hold: an editable install would hide a missing package."""

import importlib
import importlib.metadata
import sys
from pathlib import Path

from support.sources import PRODUCT, ROOT, product_modules, project, python_files

PROJECT = project()
NAME = PROJECT["project"]["name"]
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def package_of(folder):
    """The dotted name that a folder is installed as."""
    top, *below = folder.relative_to(ROOT).parts
    mapping = {path: package for package, path in SETUPTOOLS["package-dir"].items()}
    return ".".join([mapping[top], *below])


def test_every_folder_with_python_files_is_a_listed_package():
    folders = {path.parent for path in python_files(*PRODUCT)}
    assert {package_of(folder) for folder in folders} == set(SETUPTOOLS["packages"])
    assert not [f for f in folders if not (f / "__init__.py").exists()]


def test_every_top_level_folder_of_the_product_is_mapped():
    assert set(SETUPTOOLS["package-dir"].values()) == set(PRODUCT)


def test_data_files_are_listed():
    data = {
        path.relative_to(ROOT).as_posix()
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    top = SETUPTOOLS["package-dir"]
    listed = {f"{top[p]}/{f}" for p, files in SETUPTOOLS["package-data"].items() for f in files}
    assert data == listed


def test_third_party_imports_are_declared():
    declared = {d.partition(">")[0] for d in PROJECT["project"]["dependencies"]}
    extras = PROJECT["project"]["optional-dependencies"]
    foreign = [
        (i.target.split(".")[0], i.inside)
        for module in product_modules().values()
        for i in module.imports
        if not i.relative
    ]
    known = set(sys.stdlib_module_names) | {NAME}
    optional = {name for name, inside in foreign if inside} - known - declared
    assert "numba-cuda" in extras["cuda"][0]  # imported as numba.cuda; it needs cuda-bindings
    assert "nvmath-python" in extras["blas"][0]
    assert "cudnn-frontend" in extras["cudnn"][0]
    of_gpus = {"cuda", "numba", "nvmath", "cudnn"}
    assert optional == {d.partition(">")[0] for d in extras["progress"]} | of_gpus
    assert {name for name, _ in foreign} - known - optional == declared


def test_the_console_script_exists():
    module, _, function = PROJECT["project"]["scripts"][NAME].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_installed_version_is_the_declared_one():
    tensorwright = importlib.import_module(NAME)
    assert tensorwright.__version__ == PROJECT["project"]["version"]
    assert importlib.metadata.version(NAME) == PROJECT["project"]["version"]


def test_the_licence_is_there():
    (licence,) = PROJECT["project"]["license-files"]
    text = Path(ROOT, licence).read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text


def test_the_type_checker_sees_the_package_as_it_is_installed():
    top = {path.name: path for path in (ROOT / "api").iterdir() if path.name != "__pycache__"}
    top |= {folder: ROOT / folder for folder in PRODUCT if folder != "api"}
    links = {path.name: path.resolve() for path in (ROOT / ".ci" / "types" / NAME).iterdir()}
    assert links == top
