"""Pictures with metadata of every kind, each piece of it with the word `SECRET` in it, for the tests of cleaning."""

import contextlib
import io
import random
import struct
import warnings
import zlib
from collections.abc import Iterator

from PIL import Image, ImageCms, ImageSequence

from media_assets.tests.pictures import animated, drawn, encoded

SECRET = b"SECRET"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# What phones put after a picture: a preview with its own metadata, a video, their own notes.
TRAILER = b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00SECRET" + b"\x00\x00\x00\x18ftypmp42SECRET" + b"SEFHSECRETSEFT"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc:creator="SECRET"/></rdf:RDF></x:xmpmeta>'

JPEG, PNG, WEBP, GIF = (
    encoded(drawn(), "JPEG"),
    encoded(drawn(), "PNG"),
    encoded(drawn(), "WEBP", exact=True),
    encoded(drawn("P"), "GIF"),
)
WEBP_ALPHA = encoded(drawn("RGBA"), "WEBP")
WEBP_MOVING, GIF_MOVING, PNG_MOVING = animated("WEBP"), animated("GIF", loop=7), animated("PNG")


def profile_of(size: int) -> bytes:
    """A profile of so many bytes, as far as its header says."""
    return struct.pack(">I", size) + PROFILE[4:] + bytes(size - len(PROFILE))


def tiff_block(orientation: int = 1, order: str = "<", gps: dict[int, bytes] | None = None) -> bytes:
    """Exif without its prefix: a maker, an orientation, and a GPS directory of tags with four bytes each."""
    entries = [(0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0)), (0x010F, 2, 4, b"SEC\x00")]
    directory_end = 8 + 2 + 12 * (len(entries) + (gps is not None)) + 4
    if gps is not None:
        entries.append((0x8825, 4, 1, struct.pack(f"{order}I", directory_end)))
    block = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8) + _directory(entries, order)
    if gps is not None:
        block += _directory([(tag, 2, 4, value) for tag, value in gps.items()], order)
    return block + SECRET


def _directory(entries: list[tuple[int, int, int, bytes]], order: str) -> bytes:
    heads = [struct.pack(f"{order}HHI", tag, kind, count) + value for tag, kind, count, value in entries]
    return struct.pack(f"{order}H", len(entries)) + b"".join(heads) + bytes(4)


def iptc(*datasets: tuple[int, bytes]) -> bytes:
    """Photoshop's resources: one of its own, then IPTC with these datasets."""
    data = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in datasets)
    return b"Photoshop 3.0\x00" + _resource(0x03ED, b"SECRET!") + _resource(0x0404, data)


def _resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\x00" * (len(data) % 2)


# JPEG


def segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


def exif_segment(block: bytes) -> bytes:
    return segment(0xE1, b"Exif\x00\x00" + block)


def profile_segments(profile: bytes, size: int = 65_519) -> list[bytes]:
    pieces = [profile[start : start + size] for start in range(0, len(profile), size)]
    return [
        segment(0xE2, b"ICC_PROFILE\x00" + bytes((number, len(pieces))) + piece)
        for number, piece in enumerate(pieces, 1)
    ]


def with_segments(*segments: bytes, picture: bytes = JPEG) -> bytes:
    """The picture with these right after its first mark, before JFIF."""
    return picture[:2] + b"".join(segments) + picture[2:]


def jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """Mark and payload of every segment up to the first scan."""
    found, position = [], 2
    while data[position + 1] != 0xDA:
        assert data[position] == 0xFF
        (length,) = struct.unpack_from(">H", data, position + 2)
        found.append((data[position + 1], data[position + 4 : position + 2 + length]))
        position += 2 + length
    return found


def scan_bytes(data: bytes) -> bytes:
    """Everything from the first scan to the end of the file."""
    position = 4 + sum(len(payload) + 4 for _, payload in jpeg_segments(data)) - 2
    return data[position:]


DIRTY_SEGMENTS = (
    exif_segment(tiff_block()),
    segment(0xE0, b"JFXX\x00\x10SECRET"),
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + XMP),
    segment(0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + bytes(40) + b"SECRET"),
    *profile_segments(PROFILE),
    segment(0xE2, b"MPF\x00II*\x00SECRET"),
    segment(0xE4, b"SECRET"),
    segment(0xED, iptc((80, b"SECRET"))),
    segment(0xEE, b"SECRET"),
    segment(0xEF, b"SECRET"),
    segment(0xFE, b"SECRET"),
)
# What decoders step over, Pillow alone not always.
STRAY_SEGMENTS = (b"SECRET between two segments", b"\xff\x01", b"\xff\xd3SECRET", b"\xff\xff\xff")


# PNG


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of every chunk."""
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def with_chunks(*chunks: bytes, picture: bytes = PNG) -> bytes:
    """The picture with these right after its header."""
    return picture[:33] + b"".join(chunks) + picture[33:]


def raw_profile(name: bytes, data: bytes) -> bytes:
    """ImageMagick's text for metadata of other formats."""
    return b"\n" + name + b"\n" + b"%8d" % len(data) + b"\n" + data.hex().encode() + b"\n"


DIRTY_CHUNKS = (
    png_chunk(b"gAMA", struct.pack(">I", 45_455)),
    png_chunk(b"iCCP", b"SRGB\x00\x00" + zlib.compress(PROFILE)),
    png_chunk(b"pHYs", bytes(9)),
    png_chunk(b"tEXt", b"Comment\x00SECRET"),
    png_chunk(b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(raw_profile(b"exif", tiff_block()))),
    png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + XMP),
    png_chunk(b"tIME", b"SECRET!"),
    png_chunk(b"eXIf", tiff_block()),
    png_chunk(b"sPLT", b"SECRET"),
    png_chunk(b"caBX", b"SECRET"),
    png_chunk(b"prVt", b"SECRET"),
    png_chunk(b"sBIT", b"SECRET"),
)


def signed_anew(data: bytes) -> bytes:
    """The PNG with the checksum of each chunk set right, as far as its chunks can be followed."""
    out, position = bytearray(data), 8
    while position + 12 <= len(out):
        end = position + 8 + struct.unpack_from(">I", out, position)[0]
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[position + 4 : end]))
        position = end + 4
    return bytes(out)


# WebP


def webp_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2)


def webp_file(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of every chunk after the first twelve bytes."""
    position = 12
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def extended_webp(flags: int, *after: bytes, before: tuple[bytes, ...] = (), picture: bytes = WEBP) -> bytes:
    """A still picture in the extended format, with chunks before and after its bitstream."""
    header = bytes((flags, 0, 0, 0)) + struct.pack("<I", 47)[:3] + struct.pack("<I", 31)[:3]
    return webp_file(webp_chunk(b"VP8X", header), *before, picture[12:], *after)


def _without_header(picture: bytes) -> bytes:
    """Twelve bytes, then the chunks after VP8X."""
    return bytes(12) + b"".join(webp_chunk(*chunk) for chunk in list(webp_chunks(picture))[1:])


def _dirty_frames() -> bytes:
    chunks = [
        webp_chunk(kind, data + webp_chunk(b"NOTE", SECRET) if kind == b"ANMF" else data)
        for kind, data in webp_chunks(WEBP_MOVING)
    ]
    return webp_file(*chunks, webp_chunk(b"NOTE", SECRET)) + TRAILER


# GIF


def gif_extension(label: int, *blocks: bytes) -> bytes:
    return b"\x21" + bytes((label,)) + b"".join(bytes((len(block),)) + block for block in blocks) + b"\x00"


def sub_blocks(data: bytes) -> list[bytes]:
    return [data[start : start + 255] for start in range(0, len(data), 255)]


def with_blocks(*blocks: bytes, picture: bytes = GIF) -> bytes:
    """The picture with these after its head."""
    packed = picture[10]
    head = 13 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
    return picture[:head] + b"".join(blocks) + picture[head:]


DIRTY_BLOCKS = (
    gif_extension(0xFE, b"SECRET"),
    gif_extension(0x01, bytes(12), b"SECRET"),
    gif_extension(0xFF, b"XMP DataXMP", XMP),
    gif_extension(0xFF, b"ICCRGBG1012", *sub_blocks(PROFILE)),
    gif_extension(0xFF, b"NETSCAPE2.0", b"\x01\x03\x00", b"\x02SECRET"),
    gif_extension(0xF9, b"\x00\x05\x00\x00SECRET", b"SECRET"),
    gif_extension(0x77, b"SECRET"),
    b"\x00\x00",
)

DIRTY = {
    "JPEG": with_segments(*DIRTY_SEGMENTS) + TRAILER,
    "progressive JPEG": with_segments(
        *DIRTY_SEGMENTS, picture=encoded(drawn(size=(90, 70)), "JPEG", progressive=True, restart_marker_blocks=1)
    )
    + TRAILER,
    "CMYK JPEG": with_segments(*DIRTY_SEGMENTS, picture=encoded(drawn("CMYK"), "JPEG")),
    "PNG": with_chunks(*DIRTY_CHUNKS) + TRAILER,
    "PNG with palette": with_chunks(*DIRTY_CHUNKS, picture=encoded(drawn("P"), "PNG", transparency=3)),
    "animated PNG": with_chunks(*DIRTY_CHUNKS, picture=PNG_MOVING) + TRAILER,
    "WebP": extended_webp(
        0x2C, webp_chunk(b"EXIF", tiff_block()), webp_chunk(b"XMP ", XMP), before=(webp_chunk(b"ICCP", PROFILE),)
    )
    + TRAILER,
    "WebP with alpha": extended_webp(
        0x1C, webp_chunk(b"EXIF", tiff_block()), webp_chunk(b"NOTE", SECRET), picture=_without_header(WEBP_ALPHA)
    ),
    "simple WebP": webp_file(WEBP[12:], webp_chunk(b"EXIF", tiff_block())) + TRAILER,
    "animated WebP": _dirty_frames(),
    "GIF": with_blocks(*DIRTY_BLOCKS) + TRAILER,
    "animated GIF": with_blocks(*DIRTY_BLOCKS, picture=GIF_MOVING),
}


def oriented(file_format: str, orientation: int, order: str = "<", gps: dict[int, bytes] | None = None) -> bytes:
    """A picture of this format whose Exif says so."""
    block = tiff_block(orientation, order, gps)
    if file_format == "JPEG":
        return with_segments(exif_segment(block))
    if file_format == "PNG":
        return with_chunks(png_chunk(b"eXIf", block))
    return extended_webp(0x08, webp_chunk(b"EXIF", block))


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without warnings about metadata that is damaged on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pixels(data: bytes) -> list[tuple[str, tuple[int, int], bytes]]:
    """Mode, size and pixels of every frame, as Pillow decodes them."""
    with quiet_pillow(), Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "GIF")) as picture:
        return [(frame.mode, frame.size, frame.tobytes()) for frame in ImageSequence.Iterator(picture)]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The file with one to four places changed, cut out, doubled or moved."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data))
        end = min(len(data), start + chance.choice((1, 1, 2, 4, 12, 40)))
        place = chance.randrange(len(data))
        match chance.randrange(5):
            case 0 | 1:
                data = (
                    data[:start]
                    + bytes((chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256))),))
                    + data[start + 1 :]
                )
            case 2:
                data = data[:start] + data[end:]
            case 3:
                data = data[:place] + data[start:end] + data[place:]
            case _:
                data = data[:start] + chance.randbytes(end - start) + data[end:]
    return data
