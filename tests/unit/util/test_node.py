"""Facts about the host, without a session."""

from __future__ import annotations

import pytest

import heliostat


def test_without_a_session_the_address_is_the_loopback_and_none_is_started() -> None:
    assert heliostat.util.get_node_ip_address() == "127.0.0.1"
    assert heliostat.util.get_node_ip_address("10.0.0.1:80") == "127.0.0.1"
    assert not heliostat.is_initialized()


def test_the_instance_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_CLOUD_INSTANCE_ID", raising=False)
    assert heliostat.util.get_node_instance_id() == ""
    monkeypatch.setenv("RAY_CLOUD_INSTANCE_ID", "i-07")
    assert heliostat.util.get_node_instance_id() == "i-07"
