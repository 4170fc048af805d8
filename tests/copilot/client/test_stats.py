from copilot.client.stats import StreamStats
from copilot.serve.api import DoneData, ProgressData, TokenData


def test_counts_and_speed_of_a_whole_stream_are_the_engines() -> None:
    stats = StreamStats()
    stats.add(ProgressData(processed=50, total=60, reused=40))
    for text in "abc":
        stats.add(TokenData(text=text))
    stats.add(DoneData(reason="stop", prompt_tokens=60, reused_tokens=41, generated_tokens=4, decode_ms=200))
    assert (stats.prompt_tokens, stats.reused_tokens, stats.generated_tokens) == (60, 41, 4)
    assert stats.tokens_per_second == 20
    assert stats.ttft_ms is not None
    assert stats.ttft_ms >= 0


def test_a_stream_that_was_left_has_what_was_seen_of_it() -> None:
    stats = StreamStats()
    stats.add(ProgressData(processed=50, total=60, reused=40))
    assert (stats.ttft_ms, stats.tokens_per_second) == (None, None)
    stats.add(TokenData(text="a"))
    stats.add(TokenData(text="b"))
    assert (stats.prompt_tokens, stats.reused_tokens, stats.generated_tokens) == (60, 40, 2)
    assert stats.tokens_per_second is not None
    assert stats.tokens_per_second > 0
