"""JSON schemas that answers are held to, looked at before an engine gets them: llama.cpp ignores one that it does not
understand, and answers as if there were none."""

from copilot.errors import SlipstreamError


def grammar(schema: str, *, extra: str) -> str:
    """The grammar of a JSON schema (a JSON text), for ``llguidance``, which all engines use. ``extra``: the one with
    which that is installed.

    Raises :class:`SlipstreamError`: ``bad_schema``, or ``engine_failed`` without the library.
    """
    try:
        from llguidance import LLMatcher
    except ImportError as error:
        raise SlipstreamError(
            "Answers by a JSON schema need llguidance.",
            hint=f"Install it with `pip install 'slipstream-copilot[{extra}]'`.",
            code="engine_failed",
        ) from error
    try:
        found = str(LLMatcher.grammar_from_json_schema(schema))
        why = str(LLMatcher.validate_grammar(found))
    except ValueError as error:
        why = str(error) or "it is not understood"
    if why:
        raise bad(why)
    return found


def bad(why: str) -> SlipstreamError:
    """``why``: what ``llguidance`` says of the schema; its first line is for people."""
    return SlipstreamError(
        f"The JSON schema can't be used: {why.splitlines()[0][:200].rstrip('.:')}.",
        hint="Correct it, or leave it out.",
        code="bad_schema",
    )
