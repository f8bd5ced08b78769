"""JPEG files without their end marker: whether they lack anything else.

`hybrid_tf.data.jpeg` is a link to this file.
"""

import re
from io import BytesIO

import numpy as np
from PIL import Image

_END_OF_JPEG = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # of a segment, which begins with its length
_PROGRESSIVE_FRAME, _START_OF_SCAN = 0xC2, 0xDA


def has_end(content: bytes) -> bool:
    """Returns whether a JPEG file has its end marker."""
    position = 2
    while content[position : position + 1] == b"\xff" and content[position + 1 : position + 2] != b"\xda":
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    # Behind the start of the scan a marker is a marker: within the data, 0xff is followed by 0.
    return content.find(_END_OF_JPEG, position) >= 0


def without_end(content: bytes, size: tuple[int, int]) -> Image.Image:
    """Returns the image, of `size` or larger, of a JPEG file that lacks its end marker.

    Raises:
        OSError: when it lacks more than that.
    """
    data = content.rstrip(b"\0")  # an interrupted copy may hold zeros for what it lacks
    if data != content and data.endswith(b"\xff"):  # that zero belongs to it
        data += b"\0"
    # What a decoder makes of noise at the end are pixels only where pixels are missing.
    noise = np.random.default_rng(0).integers(0, 0xFF, (3, 128), np.uint8)  # no 0xff, which would be a marker
    tails = [b"", *(row.tobytes() for row in noise)]
    ends = [Image.open(BytesIO(data + tail + _END_OF_JPEG), formats=["JPEG"]) for tail in tails]
    for end in ends:
        end.draft(None, size)
    if _lacks_scans(data) or len({end.tobytes() for end in ends}) > 1:
        raise OSError("image file is truncated")
    return ends[0]


def _lacks_scans(content: bytes) -> bool:
    """Returns whether a progressive JPEG file lacks whole scans: bits of coefficients that none of them has."""
    lacking = np.zeros((256, 64), bool)  # [component, coefficient]
    position = 2
    while marker := _MARKER.search(content, position):
        segment, kind = content[marker.end() + 2 :], marker[0][1]
        if kind == _PROGRESSIVE_FRAME:
            lacking[[*segment[6 : 6 + 3 * segment[5] : 3]]] = True
        if kind == _START_OF_SCAN:
            components, (first, last, bits) = segment[1 : 1 + 2 * segment[0] : 2], segment[1 + 2 * segment[0] :][:3]
            lacking[[*components], first : last + 1] &= bits & 15 > 0
        position = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    return bool(lacking.any())
