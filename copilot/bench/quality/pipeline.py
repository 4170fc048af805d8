"""One problem as a user would meet it: a document, a caret, and everything between the model and the screen."""

from pathlib import PurePosixPath

from copilot.bench.quality.problems import Problem
from copilot.bench.quality.recording import Host
from copilot.completion.framing import ModelFacts
from copilot.completion.once import complete_once
from copilot.completion.suggestion import Suggestion
from copilot.config.settings import CompletionSettings
from copilot.context.request import InfillRequest
from copilot.serve.api import InfillBody
from copilot.text.document import Document
from copilot.text.spot import Spot


async def suggest(host: Host, problem: Problem, model: ModelFacts, settings: CompletionSettings) -> Suggestion:
    """What is shown at the caret; no text when nothing is."""
    uri = f"file:///{PurePosixPath(problem.path or 'problem')}"
    document = Document.from_text(uri, problem.language, 1, problem.prefix + problem.suffix)
    column = len(problem.prefix) - problem.prefix.rfind("\n") - 1
    spot = Spot(document, problem.prefix.count("\n"), column)
    once = await complete_once(host, spot, model=model, settings=settings, path=problem.path)
    return once.suggestion or Suggestion("")


async def answer(host: Host, problem: Problem, model: ModelFacts, settings: CompletionSettings) -> None:
    """Ask for a hole exactly as it is, without a document, and leave the answer to whoever records it."""
    request = InfillRequest(
        prefix=problem.prefix,
        suffix=problem.suffix,
        language=problem.language,
        place=problem.place,
        layout=model.layout(problem.place, problem.suffix),
    )
    async with host.infill(InfillBody.asking(request, max_tokens=settings.max_tokens)):
        pass
