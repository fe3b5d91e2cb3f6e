"""Names that members give to what they save."""

from growthplatform.core.errors import InvalidField

MOST = 100


def name_of(text: str) -> str:
    """Return a name as it is kept. Raises InvalidField for one that is empty or longer than a line of a list."""
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise InvalidField.named("name", "Give it a name.")
    if len(name) > MOST:
        raise InvalidField.named("name", f"At most {MOST} characters.")
    return name


def copy_of(name: str) -> str:
    """Return what a copy is called."""
    return f"{name[: MOST - 7].rstrip()} (copy)"
