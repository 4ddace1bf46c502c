import hashlib
import re
import threading
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from audiostory.errors import CheckpointError
from audiostory.evaluate.encoders.weights_file import (
    PublishedFile,
    default_cache,
    find_weights,
    sha256_of,
)

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shelf(BaseHTTPRequestHandler):
    """Serves CONTENT, from where it is asked to; ``asked`` remembers the ranges."""

    def __init__(self, asked, ends, *arguments):
        self.asked, self.ends = asked, ends
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/gone":
            self.send_error(404)
            return
        span = self.headers.get("Range")
        self.asked.append(span)
        start = int(re.findall(r"\d+", span)[0]) if span else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.ends.pop(0) if self.ends else None])


@pytest.fixture
def shelf():
    asked, ends = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Shelf, asked, ends))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    published = PublishedFile(
        name="ear.pth", url=f"http://127.0.0.1:{server.server_port}/ear.pth", sha256=SHA256
    )
    yield published, asked, ends
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_published_file_is_fetched_once(shelf, tmp_path):
    published, asked, _ = shelf
    seen = []
    found = find_weights(
        published, cache=tmp_path / "new", progress=lambda done, total: seen.append((done, total))
    )
    assert found.path == tmp_path / "new" / "ear.pth"
    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.digest) == (SHA256, SHA256[:12])
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert find_weights(published, cache=tmp_path / "new") == found
    assert asked == [None]
    assert [each.name for each in found.path.parent.iterdir()] == ["ear.pth"]


def test_what_broke_off_goes_on_where_it_stopped(shelf, tmp_path):
    published, asked, ends = shelf
    ends.append(1_000)
    with pytest.raises(CheckpointError, match="broke off after 1000 of 10240 bytes"):
        find_weights(published, cache=tmp_path)
    assert not (tmp_path / "ear.pth").exists()
    assert find_weights(published, cache=tmp_path).path.read_bytes() == CONTENT
    assert asked == [None, "bytes=1000-"]


def test_a_beginning_of_something_longer_is_thrown_away(shelf, tmp_path):
    published, asked, _ = shelf
    (tmp_path / "ear.pth.part").write_bytes(b"x" * 20_000)
    assert find_weights(published, cache=tmp_path).path.read_bytes() == CONTENT
    assert asked == ["bytes=20000-", None]


def test_something_else_than_was_published_is_refused(shelf, tmp_path):
    published, _, _ = shelf
    other = replace(published, sha256="0" * 64)
    with pytest.raises(CheckpointError) as caught:
        find_weights(other, cache=tmp_path)
    for said in (SHA256, "0" * 64, published.url, str(tmp_path / "ear.pth")):
        assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_out_of_reach_is_said_with_what_to_do_by_hand(shelf, tmp_path):
    published, _, _ = shelf
    far = replace(published, url="http://127.0.0.1:9/ear.pth")
    with pytest.raises(CheckpointError) as caught:
        find_weights(far, cache=tmp_path)
    for said in ("could not be fetched", far.url, SHA256, str(tmp_path / "ear.pth")):
        assert said in str(caught.value)


def test_a_file_that_is_not_on_the_server_is_said(shelf, tmp_path):
    published, _, _ = shelf
    gone = replace(published, url=published.url.replace("ear.pth", "gone"))
    with pytest.raises(CheckpointError, match=r"could not be fetched \(HTTP Error 404"):
        find_weights(gone, cache=tmp_path)


def test_a_kept_file_that_was_changed_is_refused(shelf, tmp_path):
    published, asked, _ = shelf
    (tmp_path / "ear.pth").write_bytes(b"changed")
    with pytest.raises(CheckpointError, match="Remove"):
        find_weights(published, cache=tmp_path)
    assert asked == []


def test_a_file_put_there_by_hand_needs_no_server(tmp_path):
    published = PublishedFile(name="ear.pth", url="http://127.0.0.1:9/", sha256=SHA256)
    (tmp_path / "ear.pth").write_bytes(CONTENT)
    assert find_weights(published, cache=tmp_path).sha256 == SHA256


def test_an_address_with_its_digest_is_fetched(shelf, tmp_path):
    published, _, _ = shelf
    url = published.url.replace("ear.pth", "my%3Dear.pth")
    found = find_weights(
        replace(published, sha256="0" * 64), f"{url}#sha256={SHA256}", cache=tmp_path
    )
    assert found.path.name == f"{SHA256[:8]}-my=ear.pth"
    assert found.sha256 == SHA256


@pytest.mark.parametrize("ending", ["", "#sha256=12", "#sha256=" + "g" * 64])
def test_an_address_without_its_digest_is_refused(shelf, tmp_path, ending):
    published, asked, _ = shelf
    with pytest.raises(CheckpointError, match="add #sha256="):
        find_weights(published, published.url + ending, cache=tmp_path)
    assert asked == []


def test_weights_of_ones_own_are_taken_as_they_are(tmp_path):
    published = PublishedFile(name="ear.pth", url="http://127.0.0.1:9/", sha256="0" * 64)
    own = tmp_path / "own.pth"
    own.write_bytes(CONTENT)
    assert find_weights(published, own).sha256 == SHA256
    with pytest.raises(CheckpointError, match="not the published file of that name"):
        find_weights(published, own.rename(tmp_path / "ear.pth"))
    with pytest.raises(CheckpointError, match="cannot be read"):
        find_weights(published, tmp_path / "none.pth")


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert sha256_of(tmp_path / "abc") == known


def test_the_cache_lies_in_the_home_folder():
    assert default_cache().parts[-2:] == (".cache", "audiostory")
