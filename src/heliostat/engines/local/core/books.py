"""What is free of a host's resources, to the ten-thousandth."""

from __future__ import annotations

from heliostat.engines.local.core.workers import UNIT, Amounts


class Books:
    """Resources taken and given back.

    Attributes:
        totals: what there is.
        free: what nobody holds; CPU may fall below zero while a task that lent its CPU goes on.
    """

    def __init__(self, totals: dict[str, int]) -> None:
        self.totals = dict(totals)
        self.free = dict(totals)
        self._gpus = dict.fromkeys(range(totals.get("GPU", 0) // UNIT), UNIT)

    def pick_gpus(self, amount: int) -> tuple[tuple[int, int], ...]:
        """Devices for a request: a part of the fullest one that has room, else whole ones."""
        if not amount:
            return ()
        if amount < UNIT:
            room = [(free, index) for index, free in self._gpus.items() if free >= amount]
            picked = [(min(room)[1], amount)]
        else:
            whole = [index for index, free in sorted(self._gpus.items()) if free == UNIT]
            picked = [(index, UNIT) for index in whole[: amount // UNIT]]
        for index, part in picked:
            self._gpus[index] -= part
        return tuple(picked)

    def fits(self, amounts: Amounts) -> bool:
        """Whether so much is free."""
        if any(self.free.get(name, 0) < amount for name, amount in amounts):
            return False
        gpus = dict(amounts).get("GPU", 0)
        if not gpus:
            return True
        if gpus < UNIT:
            return any(free >= gpus for free in self._gpus.values())
        return sum(free == UNIT for free in self._gpus.values()) >= gpus // UNIT

    def take(self, amounts: Amounts) -> None:
        """Somebody holds so much more."""
        for name, amount in amounts:
            self.free[name] = self.free.get(name, 0) - amount

    def give(self, amounts: Amounts) -> None:
        """Somebody gave so much back."""
        for name, amount in amounts:
            self.free[name] = self.free.get(name, 0) + amount

    @property
    def overdrawn(self) -> bool:
        """More CPU is in use than there is."""
        return self.free.get("CPU", 0) < 0

    def return_gpus(self, gpus: tuple[tuple[int, int], ...]) -> None:
        """Gives back what ``pick_gpus`` gave out."""
        for index, amount in gpus:
            self._gpus[index] += amount
