"""Signatures are those of Standard Webhooks."""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from attribution.postbacks import signing

DOCUMENT = Path(__file__).parents[3] / "docs" / "postbacks.md"


def test_the_example_of_standard_webhooks_gives_its_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'

    signature = signing.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "https://x.example/", body)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_body_path_and_query_are_signed() -> None:
    secret = signing.new_secret()
    key = base64.b64decode(secret.removeprefix("whsec_"))

    signature = signing.sign(secret, "m", 5, "https://x.example/p?a=1", b"")

    assert base64.b64decode(signature[3:]) == hmac.digest(key, b"m.5./p?a=1", hashlib.sha256)
    assert signature != signing.sign(secret, "m", 5, "https://x.example/p?a=2", b"")


def documented(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    return found[1]


def signed_now() -> tuple[str, dict[str, str], bytes]:
    secret, body = signing.new_secret(), b'{"id":"dec_1-1-install"}'
    return secret, signing.headers(secret, "dec_1-1-install", int(time.time()), "https://x.example/", body), body


def test_the_documented_python_verifies_our_signature() -> None:
    secret, headers, body = signed_now()
    known: dict[str, Any] = {}
    exec(documented("python"), known)  # noqa: S102 -- our own documentation

    assert known["is_ours"](headers, body, secret)
    assert not known["is_ours"](headers, body + b" ", secret)
    assert not known["is_ours"]({**headers, "webhook-timestamp": "1614265330"}, body, secret)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_the_documented_javascript_verifies_our_signature(tmp_path: Path) -> None:
    secret, headers, body = signed_now()
    said = json.dumps([headers, body.decode(), secret])
    script = f"{documented('js')}\nconst [h, b, s] = {said};\nconsole.log(isOurs(h, b, s), isOurs(h, b + ' ', s));\n"
    file = tmp_path / "verify.mjs"
    file.write_text(script)

    answer = subprocess.run(["node", str(file)], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["true", "false"]
