"""Names: a homeless function is a missing noun, not a reason for a drawer."""

import re

REFUSED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "data",
           "info", "handler", "handlers"}  # fmt: skip


def modules(root):
    for room in ("services", "shared"):
        yield from (f for f in (root / room).rglob("*.py") if "__pycache__" not in f.parts)


def test_no_module_is_a_drawer(root):
    found = [
        str(file.relative_to(root))
        for file in modules(root)
        if REFUSED & {part.removesuffix(".py") for part in file.relative_to(root).parts}
    ]
    assert found == []


def test_every_package_has_a_charter(root):
    for file in modules(root):
        if file.name == "__init__.py":
            assert file.read_text(encoding="utf-8").lstrip().startswith('"""'), file


def test_handlers_are_named_for_what_happens_in_the_world(root):
    pattern = re.compile(r"def (handle_\w+|process_\w+|on_message)\(")
    for file in modules(root):
        assert not pattern.search(file.read_text(encoding="utf-8")), file
