"""Positions of plays: an offset together with the epoch of its topic, in one number.

A state is made from one `plays` topic, or from several, one after the other: a topic that was deleted and made again,
a mirror, a copy with more partitions. Each is an epoch, counted from 0. Offsets of different epochs say nothing about
each other, so records carry positions, and positions are compared. In epoch 0, a position is the offset.
"""

OFFSET_BITS = 48
OFFSET_MASK = (1 << OFFSET_BITS) - 1
EPOCH_MAX = (1 << 15) - 1


def position_of(epoch: int, offset: int) -> int:
    """Return the position of an offset; of an offset below 0, which stands for none, that offset.

    >>> position_of(0, 17), position_of(1, 17) > position_of(0, 5_000), position_of(3, -1)
    (17, True, -1)
    """
    return (epoch << OFFSET_BITS) + offset if offset >= 0 else offset


def epoch_of(position: int) -> int:
    """Return the epoch of a position, 0 for none.

    >>> epoch_of(position_of(2, 17)), epoch_of(-1)
    (2, 0)
    """
    return max(position, 0) >> OFFSET_BITS


def offset_of(position: int) -> int:
    """Return the offset of a position on the topic of its epoch.

    >>> offset_of(position_of(2, 17)), offset_of(-1)
    (17, -1)
    """
    return position & OFFSET_MASK if position >= 0 else position
