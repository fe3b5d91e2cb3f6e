"""What the documentation promises is there: commands, links, codes of refusals; settings are in test_configuration."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from growthplatform.core.errors import Problem

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
APPS = ("growthplatform", "customers", "events", "attribution", "analytics")
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(document: Path) -> None:
    for found in LINK.findall(document.read_text()):
        target = found[0] or found[1]
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document

        assert there.exists(), f"{document.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{document.name} links to {target}"


def test_every_make_command_of_the_docs_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)}

    assert named >= {"run", "test", "check", "bench"}
    assert named <= targets


def test_every_management_command_of_the_docs_exists_and_ours_are_all_listed() -> None:
    commands = get_commands()
    named = {name for page in PAGES for name in re.findall(r"manage\.py ([a-z][a-z-]+)", page.read_text())}
    ours = {name for name, app in commands.items() if app in APPS}

    assert named <= set(commands)
    assert ours <= set(re.findall(r"manage\.py ([a-z][a-z-]+)", (ROOT / "docs" / "operations.md").read_text()))


def codes_in(module: Path) -> Iterator[str]:
    """Give the codes of refusals that a module names: of Problem classes, and where one is raised."""
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.ClassDef(body=body):
                for line in body:
                    match line:
                        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                            yield code
                        case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                            yield code
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                given = [word.value for word in keywords if word.arg == "code"]
                if name in {"Refused", "Unreadable"}:
                    given += args[:1]
                if name == "Refusal":
                    given += args[1:2]
                yield from (
                    each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )


def tables_of_codes() -> dict[str, int]:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (\d{3}) \|", (ROOT / "docs" / "ingest.md").read_text(), re.MULTILINE)
    return {code: int(status) for code, status in rows}


def test_the_tables_of_refusals_have_exactly_the_codes_of_the_source() -> None:
    modules = [module for app in APPS for module in (ROOT / app).rglob("*.py")]
    used = {code for module in modules for code in codes_in(module)}

    assert set(tables_of_codes()) == used


def test_the_tables_of_refusals_have_the_right_status() -> None:
    def below(kind: type[Problem]) -> Iterator[type[Problem]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    documented = tables_of_codes()
    for kind in below(Problem):
        if kind.__module__.startswith(APPS):
            assert documented[kind.code] == kind.status, kind.__name__


def test_the_index_names_every_page() -> None:
    named = {
        (ROOT / "docs" / target).resolve() for target, _ in LINK.findall((ROOT / "docs" / "README.md").read_text())
    }
    pages = {page for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"}

    assert pages - named == set()
