"""What was generated says so: IPTC's `digitalSourceType` in an XMP packet, in the `uuid` box of an MP4 that is kept for XMP.

The packet is that of "IPTC Photo Metadata, Guidance for Generative AI", the box that of the XMP specification, part 3 (2020),
table 9. It is appended as a box of its own, so no offset within the file moves. It is a statement, not a signature: whoever has
the file can remove it.
"""

import struct
from pathlib import Path
from xml.sax.saxutils import escape

from spatia_bridge import __version__
from spatia_bridge.errors import InvalidInputError

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = _SOURCES + "trainedAlgorithmicMedia"
UNTRAINED = _SOURCES + "algorithmicMedia"  # made by an algorithm that was trained on nothing
_UNTRAINED_GENERATORS = frozenset({"reproject"})
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    Iptc4xmpExt:DigitalSourceType="{source}">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def source_type(generator: str) -> str:
    """The IPTC term for what a generator makes: of trained models, unless it is known to have none."""
    return UNTRAINED if generator in _UNTRAINED_GENERATORS else TRAINED


def xmp_packet(generator: str) -> bytes:
    """The XMP that says how a file was made, and by what."""
    tool = escape(f"spatia-bridge {__version__}, {generator}")
    return _PACKET.format(source=source_type(generator), tool=tool).encode("utf-8")


def mark_generated(path: Path, generator: str) -> None:
    """Append the statement to an MP4.

    Raises:
        InvalidInputError: it is no MP4. OSError: it cannot be written.
    """
    packet = xmp_packet(generator)
    with path.open("rb+") as file:
        if file.read(8)[4:] != b"ftyp":
            raise InvalidInputError(f"{path.name} is no MP4", "mark a file that write_video made")
        file.seek(0, 2)
        file.write(struct.pack(">I4s", 8 + len(XMP_UUID) + len(packet), b"uuid") + XMP_UUID + packet)
