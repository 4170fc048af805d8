"""Pieces of open documents as a window is given them."""

from copilot_lsp.looking import piece_of, problems_at, whole

from copilot.chat.attachments import text_digest
from copilot.chat.freshness import State, standing
from copilot.chat.place import Place
from copilot.text.document import Document

PASSWORD = "hunter2xKf93" + "jdkA!"
TEXT = f"import os\r\npassword = '{PASSWORD}'\r\n\r\n\r\ndef f():\r\n    return 1\r\n"
DOCUMENT = Document.from_text("file:///p/a.py", "python", 1, TEXT)


def test_secrets_are_masked_in_what_is_given_away() -> None:
    for found in (whole(DOCUMENT, "a.py"), piece_of(Place(DOCUMENT, (0, 0), (2, 0), path="a.py"))):
        assert PASSWORD not in found.text
        assert found.text.startswith("import os\npassword = '")


def test_a_piece_has_its_lines_and_knows_the_file_that_it_is_from() -> None:
    file, piece = whole(DOCUMENT, "a.py"), piece_of(Place(DOCUMENT, (4, 2), (4, 2), path="a.py"))
    assert (piece.text, piece.first, piece.last) == ("def f():\n    return 1", 5, 6)
    assert piece.digest == file.digest == text_digest(file.text)
    assert standing(piece, file.text).state is State.SAME
    assert standing(piece, f"# new\n{file.text}").line == 6


def test_a_secret_that_begins_above_the_selection_is_masked() -> None:
    body = "\n".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA{at:04}+xYz/QrStUv" for at in range(12))
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    document = Document.from_text("file:///p/k.py", "python", 1, f'KEY = """{key}"""\n')
    found = piece_of(Place(document, (4, 0), (6, 0), path="k.py"))
    assert "MIIEvQ" not in found.text
    assert found.text.count("\n") == 1


def test_a_problem_s_words_have_no_secret() -> None:
    given = {"range": {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 8}}}
    found = problems_at(DOCUMENT, "a.py", [{**given, "message": f"\"Literal['{PASSWORD}']\" is no number"}])
    assert found is not None
    assert found.text == "line 2: \"Literal['PASSWORD_REDACTED']\" is no number"
