"""A real model behind a host that the first question starts."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from copilot import paths
from copilot.chat.thread import MessageState
from copilot.config.settings import Settings
from tests.conftest import TINY_MODEL
from tests.desktop.conftest import Desk

pytestmark = pytest.mark.model


def test_a_question_starts_the_host_and_the_answer_can_be_stopped(
    tiny_model: Path, opened: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODEL_COMPLETION", TINY_MODEL)
    settings = Settings()
    settings = msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, completion=TINY_MODEL))
    desk = opened(spawn=True, settings=settings)
    assert not paths.host_socket().exists()
    desk.ask("Write a long story about a river, in many paragraphs.")
    desk.until(lambda: desk.window.banner.isVisible() or desk.seen())
    desk.until(lambda: len(desk.seen()) > 20)
    desk.press("Escape")
    desk.until(desk.answered)
    message = desk.window.talk.thread.branch()[-1]
    assert message.state is MessageState.STOPPED
    assert message.text.strip()
    status = subprocess.run(
        [sys.executable, "-m", "copilot", "status"], capture_output=True, text=True, check=False, timeout=60
    )
    assert TINY_MODEL in status.stdout
    desk.window.new_conversation()
    desk.ask("Say hello.")
    desk.until(desk.answered)
    message = desk.window.talk.thread.branch()[-1]
    assert message.state in {MessageState.DONE, MessageState.LENGTH}
    assert message.model == TINY_MODEL
    assert message.figures.generated_tokens > 0
    assert message.figures.ttft_ms is not None
