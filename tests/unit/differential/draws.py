"""The law of random values, as docs/journeys.md and the design say it: a function of where a value is drawn."""

from dataclasses import dataclass

MASK = 2**64 - 1
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ROWS_SEED = MASK
"""In place of a scenario's number: what rows are mixed with."""


def mix(value: int) -> int:
    """The finaliser of SplitMix64."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def draw(seed: int, *coordinates: int) -> int:
    """64 random bits at these coordinates: scenario, stream, round, number."""
    state = mix(seed)
    for coordinate in coordinates:
        state = mix((state + ((coordinate + 1) & MASK) * 0xD1342543DE82EF95) & MASK)
    return state


@dataclass
class Draws:
    """Of one iteration of a closed load."""

    seed: int
    scenario: int
    user: int
    iteration: int
    drawn: int = 0

    def bits(self) -> int:
        """The next 64."""
        number = self.drawn
        self.drawn += 1
        return draw(self.seed, self.scenario, self.user, self.iteration, number)

    def below(self, bound: int) -> int:
        """The next number from 0 up to before `bound`."""
        return self.bits() * bound >> 64

    def integer(self, low: int, high: int) -> int:
        """Both included."""
        return low + self.below(high - low + 1)

    def text(self, length: int) -> str:
        """Letters and digits."""
        return "".join(LETTERS[self.below(len(LETTERS))] for _ in range(length))

    def uuid(self) -> str:
        """Of version 4: the first 64 bits drawn, then the other 64."""
        high, low = self.bits(), self.bits()
        digits = f"{(high & ~0xF000) | 0x4000:016x}{(low & ~(0b11 << 62)) | (0b10 << 62):016x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
