"""What the machine says about itself, with a driver that says what the test wants."""

import sys
from pathlib import Path

import pytest

from copilot.weights.recommend import machine


def driver(tmp_path: Path, body: str) -> tuple[str, ...]:
    script = tmp_path / "nvidia_smi.py"
    script.write_text(body)
    return sys.executable, str(script)


def test_two_cards_with_their_memory_and_what_their_data_sheets_say(tmp_path: Path) -> None:
    command = driver(tmp_path, "print('NVIDIA GeForce RTX 4090, 24564, 23000\\nNVIDIA H100 PCIe, 81559, 81000')")
    gpus, why = machine.find_gpus(command)
    assert why == ""
    assert [(gpu.name, gpu.bandwidth, gpu.known) for gpu in gpus] == [
        ("NVIDIA GeForce RTX 4090", 1008, True),
        ("NVIDIA H100 PCIe", 2000, True),
    ]
    assert gpus[0].free == 23000 * 1024**2


def test_a_card_that_is_not_known_is_guessed_and_called_so() -> None:
    gpu = machine.parse("NVIDIA Quadro Nova 9, 16000, 15000")
    assert gpu is not None
    assert (gpu.bandwidth, gpu.known) == (machine.GUESS, False)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("NVIDIA L40S", 864),
        ("NVIDIA L4", 300),
        ("NVIDIA A10G", 600),
        ("NVIDIA A10", 600),
        ("Tesla T4", 320),
        ("NVIDIA GH200 480GB", 4000),
        ("NVIDIA H200", 4800),
        ("NVIDIA H100 80GB HBM3", 3350),
        ("NVIDIA A100-SXM4-80GB", 2039),
        ("NVIDIA A100-PCIE-40GB", 1555),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 1792),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 672),
    ],
)
def test_cards_by_the_names_that_the_driver_has_for_them(name: str, rate: int) -> None:
    gpu = machine.parse(f"{name}, 23028, 22000")
    assert gpu is not None
    assert (gpu.bandwidth, gpu.known) == (rate, True)


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4070 Laptop GPU", "NVIDIA RTX A1000", "NVIDIA T400 4GB"])
def test_a_card_is_not_taken_for_a_faster_one_with_a_name_like_it(name: str) -> None:
    gpu = machine.parse(f"{name}, 8188, 7000")
    assert gpu is not None
    assert (gpu.bandwidth, gpu.known) == (machine.GUESS, False)


@pytest.mark.parametrize("line", ["", "NVIDIA X", "NVIDIA X, [N/A], [N/A]", "a, b, c, d"])
def test_what_is_no_line_of_a_card_is_left_out(line: str) -> None:
    assert machine.parse(line) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import sys; print('NVIDIA-SMI has failed: no driver'); sys.exit(9)", "has failed: no driver"),
        ("import time; time.sleep(60)", "did not answer"),
        ("print('')", "knows of no GPU"),
    ],
)
def test_why_there_is_none_is_said(tmp_path: Path, body: str, words: str) -> None:
    gpus, why = machine.find_gpus(driver(tmp_path, body), seconds=1.0)
    assert gpus == ()
    assert words in why


def test_without_a_driver() -> None:
    assert machine.find_gpus(("no-such-program-here",)) == ((), machine.find_gpus(("no-such-program-here",))[1])
    assert "nvidia-smi was not found" in machine.find_gpus(("no-such-program-here",))[1]


def test_memory_is_read_at_a_believable_rate() -> None:
    assert 0.5 < machine.read_bandwidth() < 5000
