"""The secret keys: made once, read by their owner only, never shown."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from publisher.core.errors import OutputError, SettingsError
from publisher.stores.files.keyring import add_key, load_keyring


def no_random(size: int) -> bytes:
    raise AssertionError(f"{size} random bytes are not needed")


def test_a_new_site_gets_a_key_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / ".publisher" / "secret"
    ring = load_keyring(path, create=True, random=lambda size: b"k" * size)
    assert (ring.current, dict(ring.keys)) == (1, {1: b"k" * 32})
    assert path.read_text() == f"1 {(b'k' * 32).hex()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keyring(path, create=True, random=no_random) == ring
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


def test_the_highest_number_signs_and_all_verify(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"# rotated in spring\n2 {'bb' * 32}\n\n1 {'AA' * 32}\n")
    ring = load_keyring(path, create=False, random=no_random)
    assert ring.current == 2
    assert dict(ring.keys) == {1: b"\xaa" * 32, 2: b"\xbb" * 32}


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"1 {'aa' * 32}\n")
    path.chmod(0o644)
    load_keyring(path, create=False, random=no_random)
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_who_make_the_first_key_at_once_get_the_same(tmp_path: Path) -> None:
    together = Barrier(8)

    def random(size: int) -> bytes:
        together.wait()
        return os.urandom(size)

    with ThreadPoolExecutor(8) as pool:
        rings = list(
            pool.map(lambda _: load_keyring(tmp_path / "secret", create=True, random=random), range(8))
        )
    assert len({ring.keys[1] for ring in rings}) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"secret: there are no keys in the file; restore it from a backup$"),
        ("# nothing\n", r"secret: there are no keys in the file; restore it from a backup$"),
        ("deadbeef", r"secret:1: not a key; a key is its number, a space and hex digits$"),
        ("1 abc", r"secret:1: not a key; "),
        (f"1 {'aa' * 32}\n\nx {'bb' * 32}", r"secret:3: not a key; "),
        (f"0 {'aa' * 32}", r"secret:1: key number 0 is taken or not from 1 to 255$"),
        (f"256 {'aa' * 32}", r"secret:1: key number 256 is taken or not from 1 to 255$"),
        (f"1 {'aa' * 32}\n1 {'bb' * 32}", r"secret:2: key number 1 is taken or not from 1 to 255$"),
        (f"1 {'aa' * 8}", r"secret:1: the key has 8 bytes, fewer than 16; make it longer$"),
    ],
)
def test_a_damaged_file_is_named_and_its_secrets_are_not(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "secret").write_text(text)
    with pytest.raises(SettingsError, match=reason) as caught:
        load_keyring(tmp_path / "secret", create=True, random=no_random)
    assert "aaaa" not in str(caught.value)
    assert (tmp_path / "secret").read_text() == text


def test_a_missing_file_is_an_error_where_none_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"secret keys are missing; restore them from a backup$"):
        load_keyring(tmp_path / "secret", create=False, random=no_random)
    (tmp_path / "secret").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"secret: not a key file; restore it from a backup$"):
        load_keyring(tmp_path / "secret", create=False, random=no_random)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/secret: is below a file, not a folder; move that file away"):
        load_keyring(tmp_path / "file" / "secret", create=True, random=lambda size: b"k" * size)
    with pytest.raises(OutputError, match=r"cannot be read \(Is a directory\)"):
        load_keyring(tmp_path, create=True, random=no_random)


def test_a_key_is_added_and_what_was_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert dict(add_key(path, lambda size: b"a" * size).keys) == {1: b"a" * 32}
    path.write_text(f"# of spring\n1 {'aa' * 32}")
    ring = add_key(path, lambda size: b"b" * size)
    assert (ring.current, [*ring.keys]) == (2, [1, 2])
    assert path.read_text() == f"# of spring\n1 {'aa' * 32}\n2 {(b'b' * 32).hex()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_no_key_is_added_where_the_file_is_broken_or_the_numbers_are_used_up(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for text, why in (("words\n", "not a key"), (f"255 {'aa' * 32}\n", "there is no key number above 255")):
        path.write_text(text)
        with pytest.raises(SettingsError, match=why):
            add_key(path, no_random)
        assert path.read_text() == text
