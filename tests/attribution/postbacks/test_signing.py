"""Signatures are those of Standard Webhooks."""

import base64
import hashlib
import hmac

from attribution.postbacks import signing


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
