from copilot.text.surrogates import join_pairs, without_surrogates


def test_pairs_become_characters_and_halves_stay() -> None:
    assert join_pairs("a\ud83d\ude00b") == "a😀b"
    assert join_pairs("\ude00\ud83d😀") == "\ude00\ud83d😀"
    assert join_pairs("plain ascii, é, 😀") == "plain ascii, é, 😀"


def test_text_that_leaves_can_always_be_encoded() -> None:
    assert without_surrogates("a\ud83d") == "a\ufffd"
    assert without_surrogates("\ude00b😀") == "\ufffdb😀"
    assert without_surrogates("\ud83dx\ude00").encode()
