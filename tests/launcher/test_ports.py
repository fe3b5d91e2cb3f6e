"""Which port the web part gets."""

import socket
from collections.abc import Iterator

import pytest

from growthplatform.launcher import CannotStart, ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_who_has_it_and_what_to_do(taken: int) -> None:
    with pytest.raises(CannotStart) as refused:
        ports.choose_port({"PORT": str(taken)})

    assert f"Port {taken} is taken by " in str(refused.value)
    assert "PORT=" in str(refused.value)


def test_without_a_wish_the_next_free_port_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "DEFAULT", taken)

    assert taken < ports.choose_port({}) < taken + ports.TRIED


@pytest.mark.parametrize("wish", ["eight", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused_by_name(wish: str) -> None:
    with pytest.raises(CannotStart, match="PORT="):
        ports.choose_port({"PORT": wish})


def test_a_host_that_is_not_here_is_refused_by_name() -> None:
    with pytest.raises(CannotStart, match="HOST='nowhere"):
        ports.choose_port({"HOST": "nowhere.invalid"})
