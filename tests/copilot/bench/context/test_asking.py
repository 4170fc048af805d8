"""One line at a place."""

from copilot.bench.context.asking import ask
from copilot.context.request import InfillRequest
from tests.copilot.bench.quality.script import Script


async def test_the_first_line() -> None:
    host = Script(["x = ", "1\ny"])
    answer = await ask(host, InfillRequest(prefix="a"))
    assert (answer.text, answer.prompt_tokens) == ("x = 1", 7)
    (body,) = host.bodies
    assert (body.stop, body.temperature) == (("\n",), 0)


async def test_a_line_end_before_the_line() -> None:
    class Stopping(Script):
        """Stops as it is told."""

        def infill(self, body, /):  # type: ignore[no-untyped-def]
            self.texts = ["\n"] if body.stop else ["\n", "  x = 1", "\n", "y"]
            return super().infill(body)

    host = Stopping([])
    assert (await ask(host, InfillRequest(prefix="a"))).text == "x = 1"
    assert len(host.bodies) == 2
