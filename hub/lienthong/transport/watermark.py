"""What may be committed: the end of the longest run of settled records, in the order of delivery."""

from collections import deque
from collections.abc import Iterable, Sequence

#: Slices above the watermark that may be settled before they are merged; one blocking key must not fill the memory.
_MERGE_AFTER = 64


class _Slice:
    """Offsets that were delivered together; ``open`` is None until one of them settles alone."""

    __slots__ = ("offsets", "open", "size")

    def __init__(self, offsets: Sequence[int], opened: set[int] | None = None) -> None:
        self.offsets = offsets
        self.open = opened
        self.size = len(offsets)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left open; only first and last offset matter then."""
        return self.open is not None and not self.open


class Watermark:
    """Settled and unsettled offsets of one assigned partition.

    Contiguous means: in the order of *delivered* offsets. Gaps left by compaction, transaction markers and aborted
    batches therefore never hold the watermark back.

    Args:
        committed: The next offset to read according to the group; where this assignment starts.

    Delivery:
        ``position`` never passes an offset that was delivered and is not settled.
    """

    __slots__ = ("_held", "_merge_at", "_reached", "_slices", "_start", "in_flight")

    def __init__(self, committed: int) -> None:
        self._start = committed
        self._slices: deque[_Slice] = deque()
        self._reached = committed
        self._merge_at = _MERGE_AFTER
        self._held = 0
        #: Records that are delivered and not settled.
        self.in_flight = 0

    @property
    def position(self) -> int:
        """The next offset that a new owner must read."""
        for delivered in self._slices:
            if delivered.open is None:
                return delivered.offsets[0]
            for offset in delivered.offsets:
                if offset in delivered.open:
                    return offset
        return self._start

    @property
    def is_idle(self) -> bool:
        """Whether everything delivered is settled."""
        return not self._slices

    @property
    def oldest(self) -> int | None:
        """The offset that holds the watermark back, or None."""
        return None if self.is_idle else self.position

    @property
    def settled(self) -> int:
        """Settled records of slices that are not settled as a whole; never less than :attr:`settled_above`."""
        return self._held - self.in_flight

    @property
    def settled_above(self) -> int:
        """Settled records that a blocking one keeps from being committed."""
        below = 0
        if self._slices and self._slices[0].open is not None:
            first = self._slices[0]
            below = first.offsets.index(self.position)
        return self.settled - below

    @property
    def end(self) -> int:
        """The offset after everything that was delivered or is known to be a gap."""
        delivered = self._slices[-1].offsets[-1] + 1 if self._slices else self._start
        return max(delivered, self._reached)

    def delivered(self, offsets: Sequence[int]) -> None:
        """Note records that were handed to the pipeline.

        Args:
            offsets: Rising, all higher than any delivered before.

        Raises:
            ValueError: If an offset runs backwards.
        """
        if not offsets:
            return
        last = self._slices[-1].offsets[-1] if self._slices else self._start - 1
        if offsets[0] <= last:
            raise ValueError("an offset was delivered twice in one assignment")
        self._slices.append(_Slice(offsets))
        self._held += len(offsets)
        self.in_flight += len(offsets)

    def settle(self, offsets: Iterable[int]) -> None:
        """Note settled records; an offset that is not in flight is ignored.

        Args:
            offsets: In any order.
        """
        wanted = set(offsets)
        for delivered in self._slices:
            if not wanted:
                break
            first, last = delivered.offsets[0], delivered.offsets[-1]
            mine = {offset for offset in wanted if first <= offset <= last}
            if not mine:
                continue
            wanted -= mine
            if delivered.open is None:
                delivered.open = set(delivered.offsets)
            before = len(delivered.open)
            delivered.open -= mine
            self.in_flight -= before - len(delivered.open)
            self._shorten(delivered)
        self._advance()

    def settle_slice(self, first: int) -> None:
        """Note that every record of one slice is settled.

        Args:
            first: First offset of the slice, as it was delivered.
        """
        for delivered in self._slices:
            if delivered.offsets[0] == first:
                remaining = len(delivered.offsets) if delivered.open is None else len(delivered.open)
                self.in_flight -= remaining
                delivered.open = set()
                self._shorten(delivered)
                break
        self._advance()

    def idle_position(self, position: int) -> None:
        """Close a trailing gap as soon as nothing is in flight: the consumer has read on to here.

        Args:
            position: The consumer's own position; everything delivered below it was noted before.
        """
        self._reached = max(self._reached, position)
        self._advance()

    def settled_ranges(self) -> list[tuple[int, int]]:
        """Return settled offsets above the watermark as inclusive ranges, lowest first.

        Two ranges meet across offsets that were never delivered, because there is nothing to skip between them.
        """
        ranges: list[tuple[int, int]] = []
        current: tuple[int, int] | None = None
        position = self.position
        for delivered in self._slices:
            if delivered.is_settled:
                current = (current[0] if current else delivered.offsets[0], delivered.offsets[-1])
                continue
            for offset in delivered.offsets:
                if offset < position:
                    continue
                if delivered.open is None or offset in delivered.open:
                    if current is not None:
                        ranges.append(current)
                        current = None
                else:
                    current = (current[0] if current else offset, offset)
        if current is not None:
            ranges.append(current)
        return ranges

    def _advance(self) -> None:
        slices = self._slices
        while slices and slices[0].is_settled:
            first = slices.popleft()
            self._start = first.offsets[-1] + 1
            self._held -= first.size
        if not slices:
            self._start = max(self._start, self._reached)
        elif len(slices) > self._merge_at:
            self._merge()

    def _shorten(self, delivered: _Slice) -> None:
        if delivered.is_settled:
            delivered.offsets = (delivered.offsets[0], delivered.offsets[-1])

    def _merge(self) -> None:
        merged: deque[_Slice] = deque()
        for delivered in self._slices:
            if merged and merged[-1].is_settled and delivered.is_settled:
                merged[-1].offsets = (merged[-1].offsets[0], delivered.offsets[-1])
                merged[-1].size += delivered.size
            else:
                merged.append(delivered)
        self._slices = merged
        # Twice what is left, so that merging costs little however many slices are open.
        self._merge_at = max(_MERGE_AFTER, 2 * len(merged))
