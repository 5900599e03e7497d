import hashlib
import io
import urllib.error

import pytest

from fedsim.array_types import silent
from fedsim.datasets import fetching
from fedsim.datasets.fetching import Remote, fetch
from fedsim.errors import DataUnavailable

CONTENT = bytes(range(256)) * 3000
REMOTE = Remote("data.gz", hashlib.md5(CONTENT).hexdigest(), ("https://a.example/data.gz", "https://b.example/data.gz"))  # noqa: S324


class Response(io.BytesIO):
    def __init__(self, content, length=None):
        super().__init__(content)
        self.headers = {} if length is None else {"Content-Length": str(length)}


@pytest.fixture
def serve(monkeypatch):
    """Answer each address with content or an exception; what was asked for is kept."""

    def start(answers):
        asked = []

        def open_url(url):
            asked.append(url)
            answer = answers[url]
            if isinstance(answer, Exception):
                raise answer
            return Response(answer, len(answer))

        monkeypatch.setattr(fetching, "open_url", open_url)
        return asked

    return start


def test_a_fetched_file_is_whole_and_alone(serve, tmp_path):
    told = []
    serve({REMOTE.urls[0]: CONTENT})
    fetch([REMOTE], tmp_path / "new", lambda *facts: told.append(facts))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["data.gz"]
    assert (tmp_path / "new" / "data.gz").read_bytes() == CONTENT
    assert told[-1] == ("fetching data.gz", len(CONTENT), len(CONTENT))
    assert len(told) > 1


def test_what_is_there_is_not_fetched_again(serve, tmp_path):
    (tmp_path / "data.gz").write_bytes(b"mine")
    assert serve({}) == []
    fetch([REMOTE], tmp_path, silent)
    assert (tmp_path / "data.gz").read_bytes() == b"mine"


def test_the_second_address_helps_out(serve, tmp_path):
    asked = serve({REMOTE.urls[0]: urllib.error.URLError("no route to host"), REMOTE.urls[1]: CONTENT})
    fetch([REMOTE], tmp_path, silent)
    assert asked == list(REMOTE.urls)
    assert (tmp_path / "data.gz").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing_behind(serve, tmp_path):
    serve(dict.fromkeys(REMOTE.urls, CONTENT[:-1]))
    with pytest.raises(DataUnavailable, match=f"its checksum is [0-9a-f]{{32}}, not {REMOTE.md5}"):
        fetch([REMOTE], tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "failure", [TimeoutError("timed out"), ConnectionResetError("reset"), urllib.error.URLError("x")]
)
def test_out_of_reach_is_one_message_that_names_folder_and_files(serve, tmp_path, failure):
    serve(dict.fromkeys(REMOTE.urls, failure))
    other = Remote("more.gz", "0" * 32, REMOTE.urls)
    with pytest.raises(DataUnavailable, match=f"put data.gz, more.gz into {tmp_path}") as nonfinite:
        fetch([REMOTE, other], tmp_path, silent)
    assert str(nonfinite.value).count("https://") == 2
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_cut_off(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 1000)
    serve(dict.fromkeys(REMOTE.urls, CONTENT))
    with pytest.raises(DataUnavailable, match="more than 1000 bytes"):
        fetch([REMOTE], tmp_path, silent)


def test_a_connection_that_dies_midway_leaves_nothing(monkeypatch, tmp_path):
    def broken(url):
        response = Response(CONTENT)
        parts = iter([CONTENT[:1000], OSError("connection lost")])
        response.read = lambda size: _next(parts)
        return response

    monkeypatch.setattr(fetching, "open_url", broken)
    with pytest.raises(DataUnavailable, match="connection lost"):
        fetch([REMOTE], tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def _next(parts):
    part = next(parts)
    if isinstance(part, Exception):
        raise part
    return part
