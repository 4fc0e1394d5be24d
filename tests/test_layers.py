"""The layers of docs/architecture.md: who may import whom, and what only one place may import."""

import ast

import pytest

from support.sources import ROOT, dependencies, product_modules, project

MODULES = product_modules()

# What each top-level folder may import besides itself: packages or modules.
ALLOWED = {
    "api": (
        "frontend",
        "runtime.threads",
        "compiler.errors",
        "compiler.compile",
        "compiler.ir.types",
    ),
    "frontend": ("runtime", "compiler"),
    # Data, the text of the native calls, and the function that turns text into object code.
    "runtime": (
        "compiler.abi",
        "compiler.errors",
        "compiler.options",
        "compiler.program",
        "compiler.target",
        "compiler.launches",
        "compiler.ir.dims",
        "compiler.ir.types",
        "compiler.codegen.llvm.machine",
        "compiler.codegen.llvm.call",
        "compiler.codegen.llvm.dispatch",
        "compiler.codegen.llvm.threads",
        "compiler.codegen.llvm.library",
        "compiler.codegen.llvm.onednn",
        "compiler.codegen.llvm.onednn_calls",
    ),
    "compiler": (),
}
# Inside of compiler/ a part imports only from parts to its left.
ORDER = (
    "errors",
    "target",
    "abi",
    "options",
    "ir",
    "transforms",
    "ops",
    "program",
    "launches",
    "passes",
    "kernel",
    "codegen",
    "pipeline",
    "compile",
    "stages",
    "opt",
)
THIRD_PARTY = {
    "numpy": ("api", "frontend", "runtime", "compiler"),
    "scipy": ("api.demo", "frontend", "runtime", "compiler.ops"),
    "llvmlite": ("runtime", "compiler.codegen.llvm.machine"),
    "numba": ("runtime.cuda.compiling", "runtime.cuda.intrinsics"),
    "cuda": ("runtime.cuda.driver", "runtime.cuda.compiling"),
    "nvmath": ("runtime.cuda.blas",),
    "cudnn": ("runtime.cuda.cudnn",),
}


def is_in(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


def edges():
    found = dependencies(MODULES, types=True)
    return [(a, b) for a, targets in found.items() for b in sorted(targets)]


def compiler_part(name):
    return name.split(".")[1] if name.startswith("compiler.") else None


def test_folders_import_downwards():
    wrong = [
        f"{a} imports {b}"
        for a, b in edges()
        if (folder := a.split(".")[0]) != b.split(".")[0] and not is_in(b, ALLOWED[folder])
    ]
    assert not wrong


def test_parts_of_the_compiler_import_leftwards():
    parts = {compiler_part(name) for name in MODULES} - {None}
    assert parts == set(ORDER), "a part of compiler/ is missing in ORDER, or is gone"
    wrong = []
    for a, b in edges():
        left, right = compiler_part(b), compiler_part(a)
        if left and right and ORDER.index(left) > ORDER.index(right):
            wrong.append(f"{a} imports {b}")
    assert not wrong


def test_no_module_imports_itself_in_a_circle():
    found = dependencies(MODULES, types=False)
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in sorted(found[name]):
                visit(target)
            path.pop()
            done.add(name)

    for name in found:
        visit(name)


def test_own_modules_are_imported_relatively():
    wrong = [
        f"{m.name}:{i.line}"
        for m in MODULES.values()
        for i in m.imports
        if not i.relative and i.target.split(".")[0] == project()["project"]["name"]
    ]
    assert not wrong


def test_imports_in_functions_are_of_other_packages_and_explained():
    """A late import of ours would hide a circle; of others it must say what it saves."""
    wrong = []
    for module in MODULES.values():
        for each in module.imports:
            explained = any("#" in line for line in module.lines[each.line - 2 : each.line])
            if each.inside and (each.relative or not explained):
                wrong.append(f"{module.name}:{each.line}")
    assert not wrong


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_a_package_is_imported_where_it_belongs(package):
    users = {
        m.name for m in MODULES.values() for i in m.imports if i.target.split(".")[0] == package
    }
    assert users
    assert not [name for name in users if not is_in(name, THIRD_PARTY[package])]


def test_the_environment_is_read_in_one_place():
    wrong = []
    for module in MODULES.values():
        names = {n.attr for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
        names |= {i.target.rpartition(".")[2] for i in module.imports}
        if (
            names & {"environ", "environb", "getenv", "putenv"}
            and module.name != "compiler.options"
        ):
            wrong.append(str(module.path.relative_to(ROOT)))
    assert not wrong


def test_the_architecture_page_states_the_order():
    text = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    assert ", ".join(ORDER) in text
