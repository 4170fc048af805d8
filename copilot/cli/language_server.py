"""``slipstream-language-server``: ``slipstream lsp``, for configurations that hold only a path."""

import sys


def main() -> int:
    from copilot import __version__, cli

    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return 0
    return cli.main(["lsp", *sys.argv[1:]])
