"""Forget the shared host and its token: from then on this machine's own host answers."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(args: argparse.Namespace) -> int:
    from copilot.client import login

    print("Logged out." if login.forget() else "Nobody was logged in.")
    return 0
