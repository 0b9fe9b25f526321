"""Whether the metadata that cleaning drops says where the picture was taken."""

import struct
import time
import zlib

import pytest

from media_assets.imaging.cleaning import clean_image
from media_assets.imaging.cleaning.location import iptc_has_location, xmp_has_location
from media_assets.tests import dirty
from media_assets.tests.dirty import (
    exif_segment,
    extended_webp,
    gif_extension,
    iptc,
    oriented,
    png_chunk,
    raw_profile,
    segment,
    tiff_block,
    webp_chunk,
    with_blocks,
    with_chunks,
    with_segments,
)
from media_assets.tests.pictures import MAX_PIXELS

LATITUDE = {0: b"\x02\x03\x00\x00", 2: b"1234"}
VERSION_AND_TIME = {0: b"\x02\x03\x00\x00", 7: b"1234", 18: b"WGS\x00", 29: b"2020"}
XMP_PLACE = b'<rdf:Description exif:GPSLatitude="52,30.1N" exif:GPSLongitude="13,22.2E"/>'
RAW_XMP, RAW_IPTC = raw_profile(b"xmp", XMP_PLACE), raw_profile(b"iptc", iptc((95, b"Bayern"))[14:])
EXTENSION = b"http://ns.adobe.com/xmp/extension/\x00" + bytes(40)
ADDRESS = b"http://ns.adobe.com/xap/1.0/\x00"


def _has_location(data: bytes) -> bool:
    return clean_image(data, max_pixels=MAX_PIXELS).had_location


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_exif_coordinates_are_a_location(file_format: str, order: str) -> None:
    assert _has_location(oriented(file_format, 6, order, LATITUDE))
    assert not _has_location(oriented(file_format, 6, order, VERSION_AND_TIME))
    assert not _has_location(oriented(file_format, 6, order, {}))
    assert not _has_location(oriented(file_format, 6, order))


@pytest.mark.parametrize("tag", [0x02, 0x04, 0x14, 0x16, 0x1C])
def test_any_of_the_places_counts(tag: int) -> None:
    assert _has_location(oriented("JPEG", 1, gps={tag: b"1234"}))


def _tiff_with(tag: int, data: bytes) -> bytes:
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHII", 1, tag, 7, len(data), 26) + bytes(4) + data


@pytest.mark.parametrize(
    "data",
    [
        with_segments(exif_segment(tiff_block()), exif_segment(tiff_block(gps=LATITUDE))),
        with_segments(segment(0xE1, ADDRESS + XMP_PLACE)),
        with_segments(segment(0xE1, EXTENSION + XMP_PLACE[:25]), segment(0xE1, EXTENSION + XMP_PLACE[25:])),
        with_segments(segment(0xED, iptc((5, b"title"), (90, b"Berlin")))),
        with_segments(segment(0xED, iptc((92, b"Mitte"))[:30]), segment(0xED, iptc((92, b"Mitte"))[30:])),
        with_segments(exif_segment(_tiff_with(0x02BC, XMP_PLACE))),
        with_segments(exif_segment(_tiff_with(0x83BB, b"\x1c\x02\x5a\x00\x06Berlin"))),
        dirty.JPEG[:-2] + exif_segment(tiff_block(gps=LATITUDE)) + dirty.JPEG[-2:],
        dirty.JPEG + with_segments(exif_segment(tiff_block(gps=LATITUDE))),
        dirty.JPEG + with_segments(segment(0xE1, ADDRESS + XMP_PLACE)),
        dirty.JPEG + b"\x00\x00\x00\x20\xa9xyz\x00\x12\x15\xc7+52.5000+013.3700/",
        dirty.JPEG + b"com.apple.quicktime.location.ISO6709\x00+52.5+13.3/",
        with_chunks(png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + XMP_PLACE)),
        with_chunks(png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00en\x00x\x00" + zlib.compress(XMP_PLACE))),
        with_chunks(png_chunk(b"tEXt", b"Raw profile type exif\x00" + raw_profile(b"exif", tiff_block(gps=LATITUDE)))),
        with_chunks(png_chunk(b"zTXt", b"Raw profile type APP1\x00\x00" + zlib.compress(RAW_XMP))),
        with_chunks(png_chunk(b"tEXt", b"Raw profile type iptc\x00" + RAW_IPTC)),
        with_chunks(png_chunk(b"tEXt", b"exif:GPSLatitude\x0052/1, 30/1, 0/1")),
        dirty.PNG + exif_segment(tiff_block(gps=LATITUDE)),
        extended_webp(0, webp_chunk(b"EXIF", tiff_block(gps=LATITUDE))),
        extended_webp(0x04, webp_chunk(b"XMP ", XMP_PLACE)),
        with_blocks(gif_extension(0xFF, b"XMP DataXMP", XMP_PLACE)),
    ],
    ids=[
        "second Exif", "XMP", "extended XMP, torn", "IPTC", "IPTC, torn", "XMP in Exif", "IPTC in Exif",
        "Exif after the scan", "preview", "preview with XMP", "video", "Apple video", "PNG XMP", "PNG XMP, deflated",
        "raw Exif", "raw XMP", "raw IPTC", "named text", "after PNG", "WebP Exif", "WebP XMP", "GIF XMP",
    ],
)  # fmt: skip
def test_a_location_is_found_and_gone(data: bytes) -> None:
    result = clean_image(data, max_pixels=MAX_PIXELS)

    assert result.had_location
    assert not _has_location(b"".join(result.pieces))


@pytest.mark.parametrize(
    "data",
    [
        *dirty.DIRTY.values(),
        with_segments(segment(0xFE, XMP_PLACE)),
        with_segments(segment(0xED, iptc((90, b""), (5, b"\x1c\x02\x5a\x00\x01")))),
        with_chunks(png_chunk(b"tEXt", b"exif:GPSLatitude\x00 ")),
        with_chunks(png_chunk(b"tEXt", b"Raw profile type exif\x00\nexif\n2\nnothex")),
        with_chunks(png_chunk(b"tEXt", b"Raw profile type exif\x00\xff")),
        with_chunks(png_chunk(b"zTXt", b"Raw profile type exif\x00\x00damaged")),
        with_chunks(png_chunk(b"iTXt", b"XML:com.adobe.xmp")),
    ],
)
def test_other_metadata_is_no_location(data: bytes) -> None:
    assert not _has_location(data)


@pytest.mark.parametrize(
    "packet",
    [
        XMP_PLACE,
        XMP_PLACE.decode().encode("utf-16"),
        XMP_PLACE.decode().encode("utf-32-be"),
        b"<exif:GPSLatitude>52,30.1N</exif:GPSLatitude>",
        b"<exif:GPSDestLongitude > \n 13,2E</exif:GPSDestLongitude>",
        b"drone-dji:GpsLatitude = '+52.5'",
        b'drone-dji:GpsLongtitude="+13.5"',
        b"<photoshop:City>Berlin</photoshop:City>",
        b'photoshop:State="Bayern"',
        b'Iptc4xmpCore:Location="Mitte"',
        b'Iptc4xmpCore:CountryCode="DE"',
        b"<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li Iptc4xmpExt:Sublocation='Mitte'/></rdf:Bag>",
    ],
)
def test_places_in_xmp(packet: bytes) -> None:
    assert xmp_has_location(packet)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b'exif:GPSVersionID="2.2.0.0" exif:GPSLatitude="" exif:GPSTimeStamp="2020"',
        b"<exif:GPSLatitude></exif:GPSLatitude><photoshop:City> </photoshop:City>",
        b'<photoshop:City/><Iptc4xmpCore:CreatorContactInfo Iptc4xmpCore:CiAdrCity="Berlin"/>',
        b'photoshop:ColorMode="3" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"',
    ],
)
def test_no_places_in_xmp(packet: bytes) -> None:
    assert not xmp_has_location(packet)


def test_every_cut_of_iptc_and_exif_is_read_in_peace() -> None:
    resources, block = iptc((5, b"title"), (90, b"Berlin")), tiff_block(6, gps=LATITUDE)

    assert {iptc_has_location(resources[:length]) for length in range(len(resources))} == {False, True}
    found = {_has_location(with_segments(exif_segment(block[:length]))) for length in range(len(block) + 1)}
    assert found == {False, True}


def test_a_hostile_number_of_entries_and_texts_takes_little_time() -> None:
    # Directories that point into each other, and texts that inflate a thousandfold.
    head = b"MM\x00*\x00\x00\x00\x08\xff\xff"
    block = head + struct.pack(">HHII", 0x8825, 4, 1, 8) * 5_000
    bomb = png_chunk(b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(b"0" * 10_000_000))
    start = time.process_time()

    assert not _has_location(with_segments(*[exif_segment(block)] * 100))
    assert not _has_location(with_chunks(*[bomb] * 1_000))
    assert time.process_time() - start < 5
