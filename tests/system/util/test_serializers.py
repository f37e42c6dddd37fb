"""Serializers that the user registers: here, inside other things, in workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import heliostat as ray
from heliostat.exceptions import RayTaskError

pytestmark = [
    pytest.mark.usefixtures("session"),
    pytest.mark.leaks_checked_per("module", "its tests share a session"),
]


class Account:
    """It can't be pickled by itself."""

    def __init__(self, owner: str, how: str = "made") -> None:
        self.owner = owner
        self.how = how
        self.lock = threading.Lock()


class Savings(Account):
    """A subclass is another class."""


def _owner(account: Account) -> str:
    return account.owner


def _restored(owner: str) -> Account:
    return Account(owner, "restored")


@pytest.fixture
def _registered() -> Iterator[None]:
    ray.util.register_serializer(Account, serializer=_owner, deserializer=_restored)
    yield
    ray.util.deregister_serializer(Account)


@ray.remote
def describe(account: Any) -> Any:
    return account.owner, account.how


@ray.remote
def make(owner: str, register: bool) -> Any:
    if register:
        ray.util.register_serializer(Account, serializer=_owner, deserializer=_restored)
    else:
        ray.util.deregister_serializer(Account)  # another test's, in the same worker
    return Account(owner)


@pytest.mark.usefixtures("_registered")
class TestARegisteredClass:
    def test_can_be_put_and_passed(self) -> None:
        assert ray.get(ray.put(Account("Ada"))).how == "restored"
        assert ray.get(describe.remote(Account("Ada"))) == ("Ada", "restored")

    def test_can_be_inside_other_things(self) -> None:
        ref = ray.put(1)
        value = {"accounts": [Account("Ada")], "array": np.arange(100_000), "ref": ref}
        back = ray.get(ray.put(value))
        assert back["accounts"][0].owner == "Ada"
        assert back["ref"] == ref

    def test_may_be_of_the_program_itself(self) -> None:
        class Local:
            def __init__(self, n: int) -> None:
                self.n = n
                self.lock = threading.Lock()

        ray.util.register_serializer(Local, serializer=lambda one: one.n, deserializer=Local)
        try:
            assert ray.get(ray.remote(lambda one: one.n).remote(Local(3))) == 3
        finally:
            ray.util.deregister_serializer(Local)

    def test_does_not_stand_for_its_subclasses(self) -> None:
        with pytest.raises(TypeError, match="lock"):
            ray.put(Savings("Ada"))

    def test_can_be_registered_anew(self) -> None:
        ray.util.register_serializer(
            Account, serializer=_owner, deserializer=lambda owner: Account(owner, "anew")
        )
        assert ray.get(ray.put(Account("Ada"))).how == "anew"

    def test_is_as_before_once_deregistered(self) -> None:
        ray.util.deregister_serializer(Account)
        with pytest.raises(TypeError, match="lock"):
            ray.put(Account("Ada"))
        ray.util.deregister_serializer(Account)

    def test_is_registered_in_this_process_only(self) -> None:
        with pytest.raises(RayTaskError, match="lock"):
            ray.get(make.remote("Ada", False))


def test_a_worker_registers_for_what_it_returns() -> None:
    assert ray.get(make.remote("Ada", True)).how == "restored"


@pytest.mark.parametrize("cls", [int, list, dict, type(None)])
def test_what_python_pickles_by_itself_is_refused(cls: type) -> None:
    with pytest.raises(TypeError, match=f"{cls.__name__} by itself"):
        ray.util.register_serializer(cls, serializer=str, deserializer=str)


def test_what_is_no_class_or_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="cls must be a class, not 3"):
        ray.util.register_serializer(3, serializer=str, deserializer=str)
    with pytest.raises(TypeError, match="cls must be a class"):
        ray.util.deregister_serializer("Account")
    with pytest.raises(TypeError, match="deserializer must be a function, not None"):
        ray.util.register_serializer(Account, serializer=str, deserializer=None)
