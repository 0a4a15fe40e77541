"""What is said while a server is waited for, and that one which can never be is not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_vllm import waiting
from rftcore_vllm.sampler import VllmServerSampler
from rftcore_vllm.servers import stop_all


def test_a_url_that_is_not_the_base_of_a_server_is_told_at_once(
    build: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    model = build()
    url = f"{serve(model).url}/v1"
    began = time.monotonic()
    with pytest.raises(ConfigError, match=rf"{url}/health .*status 404.* its base, such as http://node1:8000, without"):
        VllmServerSampler(urls=(url,), model=model, start_timeout=60.0)
    assert time.monotonic() - began < 30.0


def test_a_server_that_is_not_there_is_told_of_while_it_is_waited_for(
    build: Callable[..., Any], serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(build())
    server.kill()
    monkeypatch.setattr(waiting, "PERIOD", 0.5)
    said = pytest.warns(RuntimeWarning, match=rf"waiting for `vllm serve` at {server.url}, .*{server.url} is not there")
    with said, pytest.raises(ConfigError, match="found no server"):
        VllmServerSampler(urls=(server.url,), model=build(), start_timeout=2.0)


def test_what_a_server_that_hangs_printed_last_is_told_while_it_is_waited_for_and_when_it_is_given_up(
    build: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vllm").write_text("#!/bin/sh\necho starts\necho 'WARNING: no GPU'\necho\nexec sleep 600\n")
    (tmp_path / "vllm").chmod(0o700)
    monkeypatch.setattr("rftcore_vllm.server.find_program", lambda: str(tmp_path / "vllm"))
    monkeypatch.setattr(waiting, "PERIOD", 1.0)
    said = pytest.warns(RuntimeWarning, match=r"at http://127.0.0.1:\d+, .*\(its last line: WARNING: no GPU\)")
    with said, pytest.raises(ConfigError, match=r"(?s)found no server.*The last that it printed:.*WARNING: no GPU"):
        VllmServerSampler(model=build(), start_timeout=10.0)
    stop_all()
