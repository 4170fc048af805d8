"""Runs every check, in the order in which their answers are read."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from copilot import paths
from copilot.config.load import LoadedSettings, load
from copilot.config.settings import Settings
from copilot.doctor import engines, host, installation, machine
from copilot.doctor.finding import Finding, Verdict, isolated
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus

Check: TypeAlias = Callable[[], Finding | None]


def examine(config_file: str | None = None, overrides: tuple[str, ...] = ()) -> list[Finding]:
    """Everything that was found. Settings that cannot be read are a finding; the rest then looks at the defaults."""
    loaded: LoadedSettings | None = None

    def settings_finding() -> Finding:
        nonlocal loaded
        loaded = load(config_file, overrides)
        return installation.config(loaded)

    status: HostStatus | None = None

    def host_finding() -> Finding:
        nonlocal status
        status = host.ask_host()
        return host.host(status, paths.host_socket())

    settings_found = isolated("config", "Settings", settings_finding)
    settings = loaded.settings if loaded else Settings()
    # Asked early because a host that holds the model has its memory already; shown last.
    host_found = isolated("host", "Engine host", host_finding)
    model_id = settings.model.completion
    checks: list[tuple[str, str, Check]] = [
        ("python", "Python", installation.python),
        ("package", "Slipstream", installation.package),
        ("command", "Command", installation.command),
        ("config", "Settings", lambda: settings_found),
        ("cpu", "Processor", machine.cpu),
        ("memory", "Memory", lambda: _memory(model_id, settings.engine.context_tokens, status)),
        ("disk", "Disk", partial(_disk, model_id)),
        ("gpu", "GPU", machine.gpu),
        ("engine.llama_cpp", "llama.cpp", engines.llama_cpp),
        ("engine.exllamav2", "ExLlamaV2", partial(engines.exllama, "exllamav2", "ExLlamaV2")),
        ("engine.exllamav3", "ExLlamaV3", partial(engines.exllama, "exllamav3", "ExLlamaV3")),
        ("engine.torch", "PyTorch", partial(engines.optional, "torch", "PyTorch")),
        ("model", "Model", lambda: model(model_id, status)),
        ("runtime", "Sockets", lambda: host.runtime_folder(paths.runtime_dir(), paths.host_socket())),
        ("host", "Engine host", lambda: host_found),
    ]
    found = [isolated(id_, title, check) for id_, title, check in checks]
    return [finding for finding in found if finding is not None]


def healthy(findings: list[Finding]) -> bool:
    """Whether a completion could come: nothing essential failed."""
    return all(finding.verdict is not Verdict.FAIL for finding in findings)


def model(model_id: str, status: HostStatus | None) -> Finding:
    """Whether the chosen model is there and its bytes are the publisher's; reads the file if it changed."""
    from copilot.weights import store

    try:
        found = store.find(model_id)
    except SlipstreamError as error:
        if error.code != "model_missing" or status is None or status.state is not HostState.STARTING:
            raise
        detail = f"{error.message} The engine host is at it: {status.detail}"
        return Finding(
            id="model", title="Model", verdict=Verdict.WARN, detail=detail, next_step="Wait until it is here."
        )
    detail = f"{model_id}, {machine.size(found.manifest.size_bytes)}, SHA-256 verified, at {found.path}"
    return Finding(id="model", title="Model", verdict=Verdict.OK, detail=detail)


def _memory(model_id: str, context_tokens: int, status: HostStatus | None) -> Finding | None:
    from copilot.weights import store

    manifest = store.known().get(model_id)
    if manifest is None:
        # The model's own finding says what is wrong.
        return None
    needed = machine.memory_needed(manifest.size_bytes, context_tokens)
    return machine.memory(needed, loaded=status is not None and status.model == model_id)


def _disk(model_id: str) -> Finding:
    from copilot.weights import store

    manifest = store.known().get(model_id)
    missing = 0
    if manifest is not None and not store.location(manifest).exists():
        missing = manifest.size_bytes
        partial_file = store.partial_path(manifest)
        if partial_file.exists():
            missing -= min(missing, partial_file.stat().st_size)
    return machine.disk(paths.models_dir(), missing)
