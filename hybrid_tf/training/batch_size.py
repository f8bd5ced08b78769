"""The batch size of a training that was given none."""

LARGEST = 64
SMALLEST = 8
_STEPS = 20


def chosen_batch_size(images: int) -> int:
    """Returns the largest power of two, 8 to 64, that gives at least 20 steps an epoch of so many training images.

    Steps decide what a small set can teach: of a folder with 216 images a batch of 64 makes 3 steps an epoch.
    """
    size = LARGEST
    while size > SMALLEST and images // size < _STEPS:
        size //= 2
    return size
