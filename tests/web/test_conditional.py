"""Conditional requests by RFC 9110, decided without a server."""

from datetime import UTC, datetime, timedelta

from publisher.web.documents.request import evaluate, http_date, parse_http_date, parse_request

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
MODIFIED = datetime(2026, 4, 30, 8, 0, 0, tzinfo=UTC)
ETAG = b'"abc"'
SAME, LATER, EARLIER = (http_date(MODIFIED + timedelta(seconds=s)).encode() for s in (0, 1, -1))
FUTURE = http_date(NOW + timedelta(seconds=1)).encode()
INM, IMS, IM, IUS = b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"
KEEP, SEND, FAIL = 304, 200, 412

TABLE = [
    ("the same tag", [(INM, b'"abc"')], KEEP),
    ("a weak tag, compared weakly", [(INM, b'W/"abc"')], KEEP),
    ("another tag", [(INM, b'"abd"')], SEND),
    ("a tag in another case", [(INM, b'"ABC"')], SEND),
    ("a tag without quotes", [(INM, b"abc")], SEND),
    ("a star", [(INM, b"*")], KEEP),
    ("a star with white space", [(INM, b" *\t")], KEEP),
    ("a list that has it", [(INM, b'"x", W/"y" ,\t"abc"')], KEEP),
    ("a list that has it not", [(INM, b'"x", "y"')], SEND),
    ("a list with empty members", [(INM, b'"x",, ,"abc",')], KEEP),
    ("a tag with a comma in it", [(INM, b'"x,y", "abc"')], KEEP),
    ("a tag that only looks like it", [(INM, b'"x,"abc"')], SEND),
    ("two lines that make one list", [(INM, b'"x"'), (INM, b'"abc"')], KEEP),
    ("an empty field", [(INM, b"")], SEND),
    ("nothing", [], SEND),
    ("another tag makes the date void", [(INM, b'"x"'), (IMS, LATER)], SEND),
    ("the tag makes the date void", [(INM, b'"abc"'), (IMS, EARLIER)], KEEP),
    ("the same time", [(IMS, SAME)], KEEP),
    ("a later time", [(IMS, LATER)], KEEP),
    ("an earlier time", [(IMS, EARLIER)], SEND),
    ("a time in the future", [(IMS, FUTURE)], SEND),
    ("a malformed time", [(IMS, b"yesterday")], SEND),
    ("a time with an offset", [(IMS, b"Fri, 01 May 2026 08:00:00 +0000")], SEND),
    ("a day that does not exist", [(IMS, b"Thu, 31 Apr 2026 08:00:00 GMT")], SEND),
    ("a number", [(IMS, b"1777536000")], SEND),
    ("two times", [(IMS, SAME), (IMS, SAME)], SEND),
    ("the old form of RFC 850", [(IMS, b"Thursday, 30-Apr-26 08:00:00 GMT")], KEEP),
    ("the old form of asctime", [(IMS, b"Thu Apr 30 08:00:00 2026")], KEEP),
    ("If-Match holds", [(IM, b'"abc"')], SEND),
    ("If-Match is strong", [(IM, b'W/"abc"')], FAIL),
    ("If-Match fails", [(IM, b'"x"')], FAIL),
    ("If-Match comes before If-None-Match", [(IM, b'"x"'), (INM, b'"abc"')], FAIL),
    ("unmodified since", [(IUS, SAME)], SEND),
    ("modified since", [(IUS, EARLIER)], FAIL),
    ("If-Match makes that date void", [(IM, b"*"), (IUS, EARLIER)], SEND),
]


def test_preconditions_come_to_what_rfc_9110_says() -> None:
    for name, headers, status in TABLE:
        request = parse_request("GET", [(b"accept", b"*/*"), *headers])
        assert evaluate(request.headers, ETAG, MODIFIED, NOW) == status, name


def test_http_dates_are_written_in_english_and_read_back() -> None:
    assert http_date(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)) == "Sun, 06 Nov 1994 08:49:37 GMT"
    for text in (
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ):
        assert parse_http_date(text, NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead() -> None:
    assert parse_http_date("Friday, 01-May-76 00:00:00 GMT", NOW) == datetime(2076, 5, 1, tzinfo=UTC)
    assert parse_http_date("Sunday, 01-May-77 00:00:00 GMT", NOW) == datetime(1977, 5, 1, tzinfo=UTC)
