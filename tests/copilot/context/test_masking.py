"""Secrets around the caret."""

import base64
import random

from copilot.context.frame import PREFIX, PSM, SPM, frame_at, request_in
from copilot.context.masking import masked_around, masked_request
from copilot.context.request import InfillRequest
from tests.spots import spot_in

TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


def asked(text: str, layout: str, prefix: int = 4000) -> InfillRequest:
    spot = spot_in(text)
    return request_in(frame_at(spot, layout, prefix_characters=prefix, suffix_characters=400), spot)


def test_text_without_secrets_stays_as_it_is() -> None:
    assert masked_around(["a"], "b\n", "c", "d") == ("b\n", "c", "d")


def test_a_secret_is_masked_wherever_the_stretch_is_divided() -> None:
    text = f"token = '{TOKEN}'\n"
    whole = "".join(masked_around([], text, "", ""))
    assert TOKEN not in whole
    for at in range(len(text)):
        for to in (at, (at + len(text)) // 2):
            parts = masked_around([], text[:at], text[at:to], text[to:])
            assert "".join(parts) == whole
            assert [len(part) for part in parts] == [at, to - at, len(text) - to]


def test_no_order_of_the_prompt_shows_it() -> None:
    text = f"A = '{TOKEN}'\nx = ‸\nB = '{TOKEN}'\n"
    for layout in (SPM, PSM, PREFIX):
        request = asked(text, layout)
        assert TOKEN[8:] not in f"{request.prefix}{request.begun}{request.suffix}"


def test_a_key_that_begins_above_the_prompt_is_no_text_of_it() -> None:
    body = base64.b64encode(random.Random(7).randbytes(48 * 24)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    text = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----", "x = ‸", ""])
    request = asked(text, SPM, prefix=300)
    assert request.prefix.endswith("\n-----END RSA PRIVATE KEY-----\nx = ")
    assert len(request.prefix) > 200
    assert [line for line in lines if line[:20] in request.prefix] == []


def test_a_whole_request_is_masked_as_well() -> None:
    request = masked_request(InfillRequest(prefix=f"a = '{TOKEN}'\nb = ", suffix=f"\nc = '{TOKEN}'", path="a.py"))
    assert request.path == "a.py"
    assert TOKEN[8:] not in request.prefix + request.suffix
    assert request.prefix.endswith("\nb = ")


def test_a_secret_that_the_prompt_cuts_is_not_shown_in_part() -> None:
    line = "x = 1; " * 60 + f"token = '{TOKEN}'; y = 2"
    at = len(line) - 20
    request = asked(f"{line}\nz = ‸\n", SPM, prefix=len(f"{line}\nz = ") - at)
    assert request.prefix.endswith("z = ")
    assert TOKEN[-8:] not in request.prefix
    spot = spot_in(f"z = ‸\n{line}\n")
    for characters in range(line.index(TOKEN) + 6, line.index(TOKEN) + 36, 5):
        frame = frame_at(spot, PSM, prefix_characters=400, suffix_characters=characters)
        assert TOKEN[:14] not in request_in(frame, spot).suffix
