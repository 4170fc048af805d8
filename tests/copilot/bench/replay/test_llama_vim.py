"""llama.vim's way of asking, against a scripted server in virtual time."""

import asyncio
from typing import Any

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.llama_vim import AHEAD_MS, FIRST_MS, Fields, LlamaVim
from copilot.bench.replay.pipeline import Ghost, Opened
from copilot.bench.replay.virtual import clock


class Server:
    """Answers each request with ``text`` after ``seconds``."""

    def __init__(self, text: str = "answer", seconds: float = 0.25) -> None:
        self.text = text
        self.seconds = seconds
        self.asked: list[tuple[float, dict[str, Any]]] = []
        self.running = 0
        self.most = 0

    async def infill(self, fields: Fields) -> str:
        self.asked.append((asyncio.get_running_loop().time(), dict(fields)))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        return self.text

    @property
    def middles(self) -> list[str]:
        return [fields["prompt"] for _, fields in self.asked]


class Window:
    """Notes what is shown, with its time."""

    def __init__(self) -> None:
        self.ghost: Ghost | None = None
        self.shown: list[tuple[float, str]] = []

    def show(self, ghost: Ghost | None) -> None:
        self.ghost = ghost
        if ghost is not None:
            self.shown.append((round(asyncio.get_running_loop().time(), 3), ghost.text))

    def answered(self, seconds: float, *, through: bool) -> None: ...


async def opened(server: Server, before: str = "a = 1\n", after: str = "\nb = 2\n") -> tuple[LlamaVim, Window]:
    plugin, window = LlamaVim(server), Window()
    await plugin.open(Opened("t.py", "python", Buffer(before, after)), window)
    return plugin, window


def type_keys(plugin: LlamaVim, text: str, before: str = "a = 1\n", after: str = "\nb = 2\n") -> Buffer:
    old = Buffer(before, after)
    for key in text:
        edit = Edit(typed=key)
        new = edit.apply(old)
        plugin.typed(old, edit, new)
        old = new
    return old


def test_one_request_at_a_time_and_the_next_is_tried_after_a_timer() -> None:
    async def scene() -> Server:
        server = Server(text="")
        plugin, _ = await opened(server)
        type_keys(plugin, "xyz")
        await asyncio.sleep(2)
        await plugin.close()
        return server

    server = clock.run(scene())
    assert server.most == 1
    assert server.middles == ["", "xyz"]
    # The first ran from 0 to 250 ms; the timer of 100 ms was set again twice, at 100 and at 200 ms.
    assert [round(at, 3) for at, _ in server.asked] == [0.0, 0.3]


def test_a_request_is_as_the_plugin_sends_it() -> None:
    async def scene() -> Server:
        server = Server(text="")
        plugin, _ = await opened(server, "".join(f"line {n}\n" for n in range(300)) + "    x = ", "\n" + "tail\n" * 100)
        await asyncio.sleep(1)
        await plugin.close()
        return server

    ((_, fields),) = clock.run(scene()).asked
    assert fields["input_prefix"].count("\n") == 256
    assert fields["input_prefix"].startswith("line 44\n")
    assert fields["prompt"] == "    x = "
    assert fields["input_suffix"] == "\n" + "tail\n" * 64
    assert (fields["n_indent"], fields["n_predict"], fields["t_max_predict_ms"]) == (4, 128, FIRST_MS)
    assert (fields["top_k"], fields["top_p"], fields["samplers"]) == (40, 0.9, ["top_k", "top_p", "infill"])
    assert (fields["id_slot"], fields["stream"], fields["cache_prompt"], fields["stop"]) == (0, False, True, [])


def test_an_answer_shows_if_it_still_fits_and_what_follows_is_asked_for() -> None:
    async def scene() -> tuple[Server, Window]:
        server = Server(text="answer")
        plugin, window = await opened(server)
        type_keys(plugin, "a")
        await asyncio.sleep(0.3)
        server.text = "!"
        await asyncio.sleep(1)
        await plugin.close()
        return server, window

    server, window = clock.run(scene())
    # Asked on an empty line, answered after the first letter of it was typed.
    assert window.shown[0] == (0.25, "nswer")
    assert server.middles[:2] == ["", "answer"]
    assert server.asked[1][1]["t_max_predict_ms"] == AHEAD_MS


def test_what_is_typed_is_found_in_the_cache_without_asking() -> None:
    async def scene() -> Window:
        server = Server(text="answer")
        plugin, window = await opened(server)
        await asyncio.sleep(0.3)
        type_keys(plugin, "ans")
        await plugin.close()
        return window

    assert [text for _, text in clock.run(scene()).shown] == ["answer", "nswer", "swer", "wer"]


def test_a_contradicted_answer_is_not_shown() -> None:
    async def scene() -> Window:
        plugin, window = await opened(Server(text="answer"))
        type_keys(plugin, "z")
        await asyncio.sleep(0.28)
        await plugin.close()
        return window

    assert clock.run(scene()).shown == []


def test_nothing_is_asked_with_much_text_right_of_the_caret() -> None:
    async def scene(right: str) -> Server:
        server = Server(text="")
        plugin, _ = await opened(server, "x = f(", f"{right}\n")
        await asyncio.sleep(1)
        await plugin.close()
        return server

    assert clock.run(scene("12345678")).asked[0][1]["input_suffix"].startswith("12345678\n")
    assert len(clock.run(scene("123456789")).asked) == 0


def test_on_a_blank_line_the_indentation_is_part_of_the_answer() -> None:
    async def scene(text: str) -> tuple[Server, Ghost | None]:
        server = Server(text=text)
        plugin, window = await opened(server, "def f():\n    ", "\n")
        await asyncio.sleep(0.26)
        await plugin.close()
        return server, window.ghost

    server, ghost = clock.run(scene("    return 1\n"))
    assert (server.middles[0], server.asked[0][1]["n_indent"]) == ("", 0)
    assert ghost == Ghost("return 1", 0, 0)
    # One that is indented by less takes the place of what is there.
    assert clock.run(scene("  pass"))[1] == Ghost("pass", 0, 2)


def test_an_answer_that_repeats_what_follows_is_not_shown() -> None:
    async def scene(text: str, after: str) -> Ghost | None:
        plugin, window = await opened(Server(text=text), "x = [", after)
        await asyncio.sleep(0.26)
        await plugin.close()
        return window.ghost

    assert clock.run(scene("]", "]\n")) is None
    assert clock.run(scene("1]", "]\n")) == Ghost("1]")
    assert clock.run(scene("1\n2", "\nx = [1\n2\n3\n")) is None


def test_another_file_has_answers_of_its_own() -> None:
    async def scene() -> Window:
        plugin, window = await opened(Server(text="answer"))
        await asyncio.sleep(0.3)
        await plugin.close()
        window.shown.clear()
        await plugin.open(Opened("u.py", "python", Buffer("other\n", "\n")), window)
        return window

    assert clock.run(scene()).shown == []
