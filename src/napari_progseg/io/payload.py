"""The byte gate: exactly the voxel bytes that a header promises, or a refusal that says how many there are.

Readers in common use fill what is missing with zeros, skip the checksum at the end of a gzip stream, or expand two
megabytes into all the memory there is. So the bytes are read here, and other libraries only see headers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psutil
from numpy.typing import NDArray

from ..errors import UserError

_CHUNK = 1 << 20
_DETECT_ZLIB_OR_GZIP = 47
_MOST_DEFLATE_EXPANDS = 1040
_SHARE_OF_FREE_MEMORY = 0.5


def check_memory(path: Path, size: int) -> None:
    """Refuse a volume that would take more than half of the free memory.

    Parameters
    ----------
    path : Path
        Named in the refusal.
    size : int
        Bytes that reading would take.

    Raises
    ------
    UserError
        If the volume is too big for this machine.
    """
    free = int(psutil.virtual_memory().available)
    if size > free * _SHARE_OF_FREE_MEMORY:
        raise UserError(
            f"{path.name}: the header promises a volume of {_bytes(size)}, more than half of the {_bytes(free)} of "
            "free memory; nothing was read. If the size is right, crop the volume or use a machine with more memory"
        )


def head(path: Path, size: int) -> bytes:
    """Return the first `size` bytes of a file, expanded if it is gzipped; fewer if there are fewer."""
    with path.open("rb") as stream:
        start = stream.read(2)
        stream.seek(0)
        if start != b"\x1f\x8b":
            return stream.read(size)
        inflater = zlib.decompressobj(_DETECT_ZLIB_OR_GZIP)
        try:
            return inflater.decompress(stream.read(_CHUNK), size)
        except zlib.error as error:
            raise damaged(path, error) from error


def read_payload(path: Path, offset: int, size: int, *, compressed: bool, tail: bool = False) -> NDArray[np.uint8]:
    """Read the `size` bytes after `offset`, which must also be the last of the file.

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Where the voxels begin, counted after expansion for a file that is compressed as a whole.
    size : int
        Number of bytes promised.
    compressed : bool
        Whether the file is one gzip stream from its beginning.
    tail : bool
        Whether the format allows more bytes after the voxels.

    Returns
    -------
    ndarray of uint8, (size,)

    Raises
    ------
    UserError
        If there are fewer or more bytes, the checksum is wrong, or the volume does not fit into memory.
    """
    check_memory(path, size)
    with path.open("rb") as stream:
        if compressed:
            return inflate(path, stream, size, skip=offset, tail=tail)
        found = path.stat().st_size - offset
        if found < size or (found > size and not tail):
            raise wrong_length(path, size, max(found, 0))
        stream.seek(offset)
        voxels = np.empty(size, np.uint8)
        stream.readinto(voxels.data)
        return voxels


def inflate(path: Path, stream: BinaryIO, size: int, *, skip: int = 0, tail: bool = False) -> NDArray[np.uint8]:
    """Expand a zlib or gzip stream to its end, so that its checksum is verified, into exactly `size` bytes.

    The first `skip` bytes are dropped. With `tail`, bytes after the voxels are allowed.

    Raises
    ------
    UserError
        If the stream is damaged, cut, or holds another number of bytes.
    """
    packed = path.stat().st_size
    check_memory(path, size)
    if size > packed * _MOST_DEFLATE_EXPANDS:
        raise UserError(
            f"{path.name}: the file is incomplete: {_bytes(packed)} cannot hold the {_bytes(size)} its header "
            "promises; copy it again from its source"
        )
    voxels = np.empty(size, np.uint8)
    done = 0
    try:
        for block in _blocks(path, stream):
            view = np.frombuffer(block, np.uint8)
            dropped = min(skip, len(view))
            skip, view = skip - dropped, view[dropped:]
            kept = view[: size - done]
            if len(view) > len(kept) and not tail:
                raise UserError(_too_long(path, size))
            voxels[done : done + len(kept)] = kept
            done += len(kept)
    except zlib.error as error:
        raise damaged(path, error) from error
    except EOFError as error:
        raise UserError(
            f"{path.name}: the file is incomplete: the compressed stream ends early, after {done:,} of {size:,} voxel "
            "bytes; copy it again from its source"
        ) from error
    if done < size:
        raise wrong_length(path, size, done)
    return voxels


def _blocks(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Expand member after member; EOFError if the last one is cut, zlib.error if a checksum is wrong."""
    inflater = zlib.decompressobj(_DETECT_ZLIB_OR_GZIP)
    while chunk := stream.read(_CHUNK):
        while chunk:
            if inflater.eof:
                chunk = chunk.lstrip(b"\0")  # gzip files may be padded with zeros
                if not chunk:
                    break
                if chunk[:1] != b"\x1f":
                    raise UserError(
                        f"{path.name}: {len(chunk):,} or more bytes follow the end of the compressed stream; the file "
                        "is not what its header says, copy it again from its source"
                    )
                inflater = zlib.decompressobj(_DETECT_ZLIB_OR_GZIP)
            yield inflater.decompress(chunk, _CHUNK)
            chunk = inflater.unconsumed_tail or inflater.unused_data
    while not inflater.eof:
        block = inflater.decompress(b"", _CHUNK)
        if not block:
            raise EOFError
        yield block


def wrong_length(path: Path, expected: int, found: int) -> UserError:
    """Return the refusal of a file with too few or too many voxel bytes."""
    if found > expected:
        return UserError(_too_long(path, expected, found))
    return UserError(
        f"{path.name}: the file is incomplete: expected {expected:,} bytes of voxels, got {found:,}; nothing was "
        "filled in, copy the file again from its source"
    )


def damaged(path: Path, error: Exception) -> UserError:
    """Return the refusal of a file whose compressed bytes do not add up."""
    return UserError(f"{path.name}: the file is damaged ({error}); copy it again from its source")


def _too_long(path: Path, expected: int, found: int | None = None) -> str:
    got = "there are more" if found is None else f"got {found:,}"
    return (
        f"{path.name}: the file is longer than its header says: expected {expected:,} bytes of voxels, {got}; header "
        "and voxels do not belong together, export the file again"
    )


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.0f} TB"
