"""Large pictures beside a post: made smaller for pages, feeds and mails, which link to the original."""

import re
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from publisher.core.posts.post import Asset
from publisher.sources.fields.assets import image_size, smaller_picture

PAGES = "[posts]\npages = true\n\n[[lists]]"


def picture(kind: str, width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    """A picture of every color, so that it does not pack to nothing."""
    image = Image.effect_noise((width, height), 80).convert(mode)
    made = BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def test_a_large_photo_is_shown_smaller_and_leads_to_the_original(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text("utf-8").replace("[[lists]]", PAGES))
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    body = "![The pier](Pier.jpg)\n\n[![](Pier.jpg)](/other/)\n\n[The file](Pier.jpg) ![Small](small.jpg)\n"
    site.post("a.md", f"---\ntitle: A\ndate: 2024-10-20\nimage: Pier.jpg\n---\nWords.\n\n{body}")
    original, small = picture("JPEG", 2400, 600), picture("JPEG", 40, 30)
    (site.posts / "Pier.jpg").write_bytes(original)
    (site.posts / "small.jpg").write_bytes(small)
    site.publish("2024-10-20T05:00:00Z")
    site.publish("2024-10-20T09:00:00Z")
    documents = site.documents()
    [whole] = [name for name, data in documents.items() if data == original]
    shown = whole.replace(".jpg", "-1600.jpg")
    assert image_size(documents[shown]) == (1600, 400)
    assert len(documents[shown]) < len(original)
    page = documents["posts/2024/10/20/a/index.html"].decode()
    base = "https://harbour.example/"
    framed = f'<a href="{base}{whole}"><img src="{base}{shown}" alt="The pier" width="1600" height="400"></a>'
    linked = f'<a href="{base}other/"><img src="{base}{shown}"'
    [mail] = site.mails()
    for html in (page, site.feed()["items"][0]["content_html"]):
        assert framed in html
        assert linked in html
        assert f'<a href="{base}{whole}">The file</a>' in html
        assert "-1600" not in re.sub(r"\S*Pier-1600\S*", "", html)
    assert f'href="{base}{whole}"' in mail.get_body(("html",)).get_content()
    assert f'src="{base}{shown}"' in mail.get_body(("html",)).get_content()
    assert site.publish("2024-10-20T10:00:00Z")  # again: nothing changes
    assert {name: data for name, data in site.documents().items() if name.startswith("assets/")} == {
        name: data for name, data in documents.items() if name.startswith("assets/")
    }


def test_what_a_mail_cannot_show_or_is_not_there_is_named_with_its_line(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text("utf-8").replace("[[lists]]", PAGES))
    body = '![A](map.svg)\n\n![B](gone.png)\n\n<audio src="gone.mp3"></audio>\n\n[C](gone.pdf) ![D](ok.png)\n'
    site.post("a.md", f"---\ntitle: A\ndate: 2024-10-20\n---\n{body}")
    (site.posts / "map.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (site.posts / "ok.png").write_bytes(picture("PNG", 3, 3))
    found = site.run("check").stderr + site.run("check").stdout
    assert "a.md:5: warning: map.svg: mails show its words instead" in found
    assert "a.md:7: warning: gone.png: no such picture beside the post" in found
    assert "a.md:9: warning: gone.mp3: no such file beside the post" in found
    assert "gone.pdf" not in found
    assert "ok.png" not in found


def png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 9)), (b"IEND", b""))
    made = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return made


def moving() -> bytes:
    made = BytesIO()
    first, *others = (Image.effect_noise((2100, 20), n).convert("RGB") for n in (50, 60))
    first.save(made, "WEBP", save_all=True, append_images=others, duration=100)
    return made.getvalue()


def test_what_cannot_be_made_smaller_stays_as_it_is() -> None:
    photo = picture("JPEG", 2400, 300)
    hostile = (
        png(50_000, 50_000), png(3_000, 3_000), photo[:4_000], photo[:200], b"", b"\xff\xd8\xff",
        b"GIF89a" + b"\0" * 20, photo + b"\xff\xda" * 100, b"<svg>", moving(),
    )  # fmt: skip
    for data in hostile:
        assert smaller_picture(data) == data
    for asset in (("a.gif", 4000), ("a.svg", None), ("a.png", 60_000), ("a.png", 1_900)):
        small = Asset(name="a", path=asset[0], sha256="0" * 64, size=9, width=asset[1], height=asset[1])
        assert small.small_document == ""


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA")],
)
def test_a_smaller_picture_keeps_its_kind_its_profile_and_none_of_its_secrets(kind: str, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "Where I live"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"exif": exif, "icc_profile": profile} if mode == "RGB" else {}
    data = picture(kind, 600, 2_400, mode, **options)
    turned = (1_600, 400) if mode == "RGB" else (600, 2_400)
    assert (b"Where I live" in data) == (mode == "RGB")
    made = smaller_picture(data)
    with Image.open(BytesIO(made)) as image:
        assert (image.format, image.size) == (kind, turned)
        assert b"Where I live" not in made or made == data
        if mode == "RGB":
            assert image.info["icc_profile"] == profile
