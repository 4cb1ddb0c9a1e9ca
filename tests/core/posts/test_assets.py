"""Assets: which references name a file, and where it stands."""

import pytest

from publisher.core.posts.post import Asset, AssetLocation, locate_asset, merge_assets, referenced_name


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("gauge.png", "gauge.png"),
        ("./gauge.png", "gauge.png"),
        ("../pictures/caf%C3%A9.png", "../pictures/café.png"),
        ("chart.svg?v=2#part", "chart.svg"),
        ("https://a.example/x.png", None),
        ("//a.example/x.png", None),
        ("/x.png", None),
        ("#top", None),
        ("data:image/png;base64,AA", None),
        ("a%00b.png", None),
        ("%FF.png", None),
        ("", None),
    ],
)
def test_only_a_relative_reference_names_a_file(reference: str, name: str | None) -> None:
    assert referenced_name(reference) == name


def asset(name: str, sha: str = "ab" * 32) -> Asset:
    return Asset(name=name, path=f"a/{name}", sha256=sha, size=1)


def test_a_document_is_named_by_its_bytes_and_reads_well() -> None:
    assert asset("Höhe & Breite.PNG").document == "assets/abababababababab-H-he-Breite.png"
    assert asset("潮.png").document == "assets/abababababababab-file.png"


def test_a_fragment_stays_with_the_file() -> None:
    files = {"a.pdf": AssetLocation(url="https://x.example/assets/1-a.pdf")}
    found = locate_asset("./a.pdf#page=2", files)
    assert found is not None
    assert found.url == "https://x.example/assets/1-a.pdf#page=2"
    assert locate_asset("b.pdf", files) is None


def test_what_was_mailed_is_kept_behind_what_is_now() -> None:
    old, new = asset("a.png", "00" * 32), asset("a.png", "11" * 32)
    assert merge_assets((old,), (new,)) == (new, old)
    assert merge_assets((new, old), (new,)) == (new, old)
