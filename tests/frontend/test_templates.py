"""What every template of the product must keep to."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# Stands on customers' own hosts, which serve no files: its policy names the digest of its style, see test_redirects.
HASHED = {"link_none.html"}
ICON = re.compile(r'\{%-?\s*icon\s+"([a-z0-9-]+)"|\bicon\s*[=:]\s*"([a-z0-9-]+)"')


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_compiles_and_has_nothing_inline_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text()

    get_template(str(path.relative_to(ROOT / "templates")))
    assert not re.search(r"\sstyle\s*=", text)
    assert "mail" in path.parts or path.name in HASHED or "<style" not in text
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_every_icon_that_is_named_exists() -> None:
    icons = ROOT / "node_modules/@tabler/icons/icons/outline"
    if not icons.is_dir():
        pytest.skip("npm ci has not been run")

    named = {name or other for path in TEMPLATES for name, other in ICON.findall(path.read_text())}

    assert [name for name in sorted(named) if not (icons / f"{name}.svg").exists()] == []
    assert "plus" in named
