"""Numbers of any count of bits, as video codecs write them."""

from __future__ import annotations

_LONGEST_ZEROS = 31


class Bits:
    """The bits of some bytes, one after the other, the highest of each byte first.

    Raises:
        IndexError: there are no more.
    """

    def __init__(self, data: bytes) -> None:
        """Nothing is read yet."""
        self._data, self._at = data, 0

    def number(self, bits: int) -> int:
        """The number in the next bits."""
        value = 0
        for at in range(self._at, self._at + bits):
            value = value << 1 | self._data[at >> 3] >> (7 - at % 8) & 1
        self._at += bits
        return value

    def golomb(self) -> int:
        """The next number in Exp-Golomb code (ITU-T H.265, section 9.2), or in AV1's ``uvlc``, which is the same.

        Raises:
            ValueError: it has more than 31 leading zeros.
        """
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > _LONGEST_ZEROS:
                raise ValueError("a number that is too long")
        return (1 << zeros) - 1 + self.number(zeros)
