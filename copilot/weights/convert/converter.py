"""ExLlamaV2's converter as a program: ``python -m copilot.weights.convert.converter OPTION…``, with attention that is
right where it computes what it measures."""

import runpy

from copilot.engine.exllama import exact

MODULE = "exllamav2.conversion.convert_exl2"


def main() -> None:
    with exact.attention():
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
