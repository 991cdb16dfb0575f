"""Code packages that no tool would make: written field by field, since zip libraries refuse to."""

import io
import stat
import struct
import zipfile
import zlib

HANDLER = "def main_handler(event, context):\n    return 1\n"
DEFLATED, STORED = 8, 0
FILE_MODE = (stat.S_IFREG | 0o644) << 16
ZIP64 = 45
FULL = 0xFFFFFFFF


def entry(name, content=b"x", mode=stat.S_IFREG | 0o644):
    """A member with any name and any file type."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info, content


def package(*entries):
    """A working function with hostile members besides."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.py", HANDLER)
        for info, content in entries:
            archive.writestr(info, content)
    return buffer.getvalue()


def _local(name, method, packed, size, extra=b""):
    return (
        struct.pack("<4s5H3I2H", b"PK\3\4", ZIP64, 0, method, 0, 0x21, 0, packed, size, len(name), len(extra))
        + name
        + extra
    )


def _central(name, method, packed, size, extra=b""):
    return (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            3 << 8 | ZIP64,
            ZIP64,
            0,
            method,
            0,
            0x21,
            0,
            packed,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            FILE_MODE,
            0,
        )
        + name
        + extra
    )


def _end(count, size, offset):
    """The end of the directory, with its 64-bit form in front."""
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 3 << 8 | ZIP64, ZIP64, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    return record + locator + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, FULL, FULL, 0)


def zeros(gigabytes):
    """One member that unpacks to this many gigabytes of zeros; about a megabyte each when packed."""
    block = 16 << 20
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = squeezed.compress(bytes(block)) + squeezed.flush(zlib.Z_FULL_FLUSH)
    count = gigabytes * (1 << 30) // block
    data = one * count + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    extra = struct.pack("<2H2Q", 1, 16, count * block, len(data))
    local = _local(b"zeros", DEFLATED, FULL, FULL, extra) + data
    central = _central(b"zeros", DEFLATED, FULL, FULL, extra)
    return local + central + _end(1, len(central), len(local))


def many_entries(count):
    """A directory of that many empty files, all at one place in the archive."""
    local, central = _local(b"a", STORED, 0, 0), _central(b"a", STORED, 0, 0) * count
    return local + central + _end(count, len(central), len(local))


def lying_about_size(megabytes, claimed=10):
    """Headers that claim a few bytes, in front of data that unpacks to far more."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = squeezed.compress(bytes(megabytes << 20)) + squeezed.flush()
    local = _local(b"index.py", DEFLATED, len(data), claimed) + data
    central = _central(b"index.py", DEFLATED, len(data), claimed)
    return local + central + _end(1, len(central), len(local))
