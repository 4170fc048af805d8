import pytest

from copilot.errors import SlipstreamError
from copilot.text.document import Change
from copilot.text.position import Position, PositionEncoding, Range
from copilot.text.store import DocumentStore

URI = "file:///project/a.py"


def insertion(line: int, character: int, text: str) -> Change:
    return Change(Range(Position(line, character), Position(line, character)), text)


def opened(text: str = "one\ntwo\n") -> DocumentStore:
    store = DocumentStore(PositionEncoding.UTF16)
    store.open(URI, "python", 5, text)
    return store


def test_a_document_follows_the_edits_of_its_editor() -> None:
    store = opened()
    document = store.change(URI, 6, [insertion(0, 3, "!"), insertion(0, 4, "?")])
    assert document is store.get(URI)
    assert (document.text, document.version, document.language) == ("one!?\ntwo\n", 6, "python")


def test_positions_count_in_the_negotiated_encoding() -> None:
    store = DocumentStore(PositionEncoding.UTF8)
    store.open(URI, "python", 1, "é😀")
    assert store.change(URI, 2, [insertion(0, 2, "X")]).text == "éX😀"


def test_versions_may_skip() -> None:
    store = opened()
    store.change(URI, 90, [insertion(0, 0, "X")])
    assert store.get(URI).text == "Xone\ntwo\n"


def test_without_a_version_it_is_the_next_one() -> None:
    store = opened()
    assert store.change(URI, None, [insertion(0, 0, "X")]).version == 6
    assert store.change(URI, None, [insertion(0, 0, "Y")]).version == 7
    assert store.get(URI).text == "YXone\ntwo\n"


@pytest.mark.parametrize("again", ["whole text", "opened"])
def test_a_lost_edit_stops_completions_until_the_text_is_known_again(again: str) -> None:
    store = opened()
    store.lost(URI)
    with pytest.raises(SlipstreamError, match="no longer certain") as caught:
        store.get(URI)
    assert caught.value.code == "version_gap"
    with pytest.raises(SlipstreamError, match="no longer certain"):
        store.change(URI, 7, [insertion(0, 0, "X")])
    if again == "opened":
        store.open(URI, "python", 1, "fresh")
    else:
        store.change(URI, 8, [Change(None, "fresh")])
    assert store.get(URI).text == "fresh"


def test_a_lost_edit_of_a_document_that_is_not_open_is_forgotten() -> None:
    store = opened()
    store.lost("file:///other.py")
    store.open("file:///other.py", "python", 1, "text")
    assert store.get("file:///other.py").text == "text"


@pytest.mark.parametrize("version", [5, 4, 0, -1])
def test_a_message_that_came_twice_or_late_stops_completions_there(version: int) -> None:
    store = opened()
    store.open("file:///b.py", "python", 1, "other")
    for _ in range(2):
        with pytest.raises(SlipstreamError) as caught:
            store.change(URI, version, [insertion(0, 0, "X")])
        assert caught.value.code == "version_gap"
        assert "open it again" in caught.value.hint
        assert "one" not in str(caught.value), "a message never holds text of the document"
    with pytest.raises(SlipstreamError, match="no longer certain"):
        store.get(URI)
    # Later edits build on a text that is not ours, whatever their version.
    with pytest.raises(SlipstreamError, match="no longer certain"):
        store.change(URI, 50, [insertion(0, 0, "X")])
    assert store.get("file:///b.py").text == "other"


def test_a_whole_text_brings_a_document_back_into_step() -> None:
    store = opened()
    with pytest.raises(SlipstreamError):
        store.change(URI, 5, [insertion(0, 0, "X")])
    store.change(URI, 7, [insertion(0, 0, "lost"), Change(None, "older"), Change(None, "whole"), insertion(0, 5, "!")])
    assert store.get(URI).text == "whole!"
    store.change(URI, 8, [insertion(0, 0, "Y")])
    assert store.get(URI).text == "Ywhole!"


@pytest.mark.parametrize("closed_first", [True, False])
def test_opening_again_brings_a_document_back_into_step(closed_first: bool) -> None:
    store = opened()
    with pytest.raises(SlipstreamError):
        store.change(URI, 5, [insertion(0, 0, "X")])
    if closed_first:
        store.close(URI)
    store.open(URI, "python", 1, "fresh")
    assert store.change(URI, 2, [insertion(0, 0, "X")]).text == "Xfresh"


def test_an_editor_that_opens_twice_means_the_second_text() -> None:
    store = opened()
    store.open(URI, "cython", 1, "second")
    assert (store.get(URI).text, store.get(URI).language) == ("second", "cython")
    assert len(store) == 1


def test_a_document_that_is_not_open_is_named() -> None:
    store = opened()
    store.close(URI)
    store.close(URI)
    assert URI not in store
    assert len(store) == 0
    with pytest.raises(SlipstreamError) as of_get:
        store.get(URI)
    with pytest.raises(SlipstreamError) as of_change:
        store.change(URI, 9, [insertion(0, 0, "X")])
    for error in (of_get.value, of_change.value):
        assert error.code == "unknown_document"
        assert URI in error.message


def test_a_snapshot_outlives_the_document() -> None:
    store = opened()
    snapshot = store.get(URI)
    store.change(URI, 6, [insertion(0, 0, "X")])
    store.close(URI)
    assert snapshot.text == "one\ntwo\n"
