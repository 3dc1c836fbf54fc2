"""What people read: figures, secrets that stay secret, names of the library."""

from __future__ import annotations

import pytest

import confiture
from confiture import human, secrets


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0.04, "0.0 ms"),
        (9.94, "9.9 ms"),
        (12.3, "12 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59940, "59.9 s"),
        (59960, "1 min"),
        (125000, "2 min 5 s"),
        (3600000, "1 h"),
        (3780000, "1 h 3 min"),
    ],
)
def test_duration(milliseconds: float, text: str) -> None:
    assert human.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 kB"),
        (20480, "20 kB"),
        (1023 * 1024, "1.0 MB"),
        (3 * 1024**3, "3.0 GB"),
        (5000 * 1024**4, "5000 TB"),
    ],
)
def test_size(octets: int, text: str) -> None:
    assert human.size(octets) == text


def test_listed() -> None:
    assert human.listed([]) == ""
    assert human.listed(["a"]) == "a"
    assert human.listed(["a", "b", "c"]) == "a, b and c"
    assert human.listed([str(n) for n in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 4 more"


@pytest.mark.parametrize(
    ("conninfo", "said", "shown"),
    [
        ("postgresql://u:s3cret@h/d", 'failed for user "u" s3cret', 'failed for user "u" ****'),
        ("postgresql://u:s%40c@h/d", "s@c s%40c", "**** ****"),
        ("host=h password='s3 cret'", "x s3 cret y", "x **** y"),
        ("postgres:/u:s3cret@h", 'missing "=" after "postgres:/u:s3cret@h" in', 'missing "=" after "..." in'),
        (
            "postgresql://u:s3cret@h/?nope=1",
            'invalid URI query parameter: "nope"',
            'invalid URI query parameter: "nope"',
        ),
    ],
)
def test_passwords_are_not_shown(conninfo: str, said: str, shown: str) -> None:
    assert secrets.redact(said, conninfo) == shown


def test_the_names_of_the_library() -> None:
    for name in confiture.__all__:
        assert getattr(confiture, name)
    assert "Migrator" in dir(confiture)
    with pytest.raises(AttributeError):
        confiture.nonsense  # noqa: B018


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0 ms"), (1, "1 ms"), (3210, "3.2 s")])
def test_whole_milliseconds(milliseconds: int, text: str) -> None:
    assert human.whole(milliseconds) == text
