"""The arena: where each value lies in memory, and when."""

from dataclasses import dataclass

from hybrid_tf.micro.plain_c.network import Convolution, Network

_ALIGNMENT = 4  # bytes
_Key = tuple[str, int]  # what lies there, `value` or `window`, and the number of that value or step


@dataclass(frozen=True)
class _Piece:
    """A piece of the arena, from the step that writes it first to the one that reads it last."""

    bytes: int
    first: int
    last: int

    def meets(self, other: "_Piece") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """The plan of the arena.

    Attributes:
        bytes: bytes of the whole.
        least: bytes that are alive at once, below which no plan comes.
        offsets: place of each value, by its number.
        windows: place of each convolution's window of 16-bit numbers, by the place of the step.
    """

    bytes: int
    least: int
    offsets: dict[int, int]
    windows: dict[int, int]


def window_bytes(step: Convolution) -> int:
    """Returns the bytes of the window that a convolution lays out."""
    return 0 if step.depthwise else 2 * step.filters.shape[1]


def plan(network: Network) -> Arena:
    """Returns the plan: a result takes the place of an operand that nothing reads any more, where its kernel can."""
    homes = _homes(network)
    pieces: dict[_Key, _Piece] = {}
    for place, step in enumerate(network.steps):
        for number in (*step.reads, *step.writes):
            if number in (network.image, network.scores):
                continue
            key = ("value", homes.get(number, number))
            size = max(network.values[number].bytes, pieces[key].bytes if key in pieces else 0)
            pieces[key] = _Piece(size, pieces[key].first if key in pieces else place, place)
        if isinstance(step, Convolution) and window_bytes(step):
            pieces["window", place] = _Piece(window_bytes(step), place, place)
    plans = [_placed(order, pieces) for order in _orders(pieces)]
    placed = min(plans, key=lambda found: _end(found, pieces))
    alive = (
        sum(_aligned(piece.bytes) for piece in pieces.values() if piece.first <= place <= piece.last)
        for place in range(len(network.steps))
    )
    offsets = {
        number: placed["value", homes.get(number, number)]
        for number in network.values
        if ("value", homes.get(number, number)) in placed
    }
    windows = {number: offset for (kind, number), offset in placed.items() if kind == "window"}
    return Arena(_end(placed, pieces), max(alive, default=0), offsets, windows)


def _orders(pieces: dict[_Key, _Piece]) -> list[list[_Key]]:
    """The orders in which pieces are placed: the best of them is nearly always the best of all."""

    def size(key: _Key) -> int:
        return -pieces[key].bytes

    def span(key: _Key) -> int:
        return pieces[key].first - pieces[key].last

    first = sorted(pieces, key=lambda key: (pieces[key].first, size(key)))
    return [
        first,
        sorted(first, key=size),
        sorted(first, key=lambda key: (span(key), size(key))),
        sorted(first, key=lambda key: size(key) * (1 - span(key))),
    ]


def _end(placed: dict[_Key, int], pieces: dict[_Key, _Piece]) -> int:
    return _aligned(max((placed[key] + pieces[key].bytes for key in placed), default=0))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _placed(order: list[_Key], pieces: dict[_Key, _Piece]) -> dict[_Key, int]:
    """Each piece at the lowest place where it meets no other."""
    placed: dict[_Key, int] = {}
    for key in order:
        taken = sorted(
            (offset, offset + pieces[other].bytes)
            for other, offset in placed.items()
            if pieces[other].meets(pieces[key])
        )
        offset = 0
        for start, end in taken:
            if offset + pieces[key].bytes <= start:
                break
            offset = max(offset, _aligned(end))
        placed[key] = offset
    return placed


def _homes(network: Network) -> dict[int, int]:
    """The value in whose place each one lies that overwrites another."""
    homes: dict[int, int] = {}
    outside = (network.image, network.scores)
    for place, step in enumerate(network.steps):
        if step.result < 0 or step.result in outside:
            continue
        for number in step.may_overwrite:
            if (
                number not in outside
                and network.values[number].bytes == network.values[step.result].bytes
                and max(network.readers(number)) == place
            ):
                homes[step.result] = homes.get(number, number)
                break
    return homes
