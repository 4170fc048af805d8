"""ExLlamaV2's converter as a program, with attention that is right where it computes what it measures:
``python -m copilot.engine.exllama.convert.converter OPTION…``."""

import runpy

from copilot.engine.exllama import exact

MODULE = "exllamav2.conversion.convert_exl2"


def main() -> None:
    with exact.attention():
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
