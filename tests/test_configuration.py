"""Settings: their documented defaults are the real ones, and a wrong value is refused by its name."""

import re
from pathlib import Path

import pytest

from growthplatform.config import Config, WrongSetting, read

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"


def documented() -> dict[str, str]:
    """Return the table's rows: variable and default."""
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", DOCUMENT.read_text(), re.MULTILINE))


def test_documented_defaults_are_the_real_ones() -> None:
    defaults = dict(zip(Config.__struct_fields__, Config.__struct_defaults__, strict=True))

    for name, words in documented().items():
        if words.startswith("`") and "<PORT>" not in words:
            real = defaults[name.lower()]
            assert words.strip("`") == (str(real).lower() if isinstance(real, bool) else str(real)), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("DEBUG", "maybe"),
        ("SIGN_UP", "closed"),
        ("LOG_FORMAT", "xml"),
        ("TRUSTED_PROXIES", "-1"),
        ("WEB_THREADS", "0"),
        ("BASE_URL", "growth.example.com"),
        ("BASE_URL", "https://growth.example.com/path"),
        ("EMAIL_URL", "mailto:me"),
        ("DEFAULT_RETENTION_DAYS", "-5"),
    ],
)
def test_a_wrong_value_ends_the_start_with_its_name(name: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=name):
        read({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "https://growth.example.com"),
        ("BASE_URL", "http://localhost:8000/"),
        ("EMAIL_URL", "smtp+tls://me%40acme.example:secret@mail.acme.example:587"),
        ("DEBUG", "true"),
        ("HTTPS", "1"),
        ("PORT", ""),
    ],
)
def test_a_right_value_is_taken(name: str, value: str) -> None:
    read({name: value})
