"""Every setting, with its type, default and description. The sample file and ``config show`` are made from this.

Values only; reading and layering is ``copilot.config.load``.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models answer."""

    completion: Annotated[
        str, Meta(description="Id of the model that completes (see `slipstream models list` and `recommend`).")
    ] = "qwen2.5-coder-0.5b-instruct-q4_k_m"
    chat: Annotated[
        str,
        Meta(
            description="Id of the model that chats and explains; empty: the one that completes. It is loaded for the "
            "first question, beside the other, as far as there is room."
        ),
    ] = ""
    chat_idle_minutes: Annotated[
        float,
        Meta(gt=0, le=100_000, description="A chat model of its own is unloaded after this long without a question."),
    ] = 15.0
    draft: Annotated[
        str,
        Meta(description="Id of the small model that guesses when engine.speculation is `draft`; of the same family."),
    ] = ""
    stand_in: Annotated[
        str,
        Meta(
            description="Id of a GGUF model that completes on the processor while the GPU can't be used; empty: none."
        ),
    ] = "qwen2.5-coder-0.5b-instruct-q4_k_m"


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the engine runs the model."""

    threads: Annotated[int, Meta(ge=0, le=512, description="Threads that compute; 0 uses the physical cores.")] = 0
    context_tokens: Annotated[
        int, Meta(ge=512, le=1_048_576, description="Size of the KV cache in tokens, shared by all slots.")
    ] = 8192
    slots: Annotated[int, Meta(ge=1, le=64, description="Generations that can run side by side.")] = 4
    batch_tokens: Annotated[
        int,
        Meta(
            ge=16,
            le=4096,
            description="Tokens prefilled in one step. A cancel waits for a step or two, so small is "
            "responsive and large is fast: 512 on a GPU.",
        ),
    ] = 32
    gpu_layers: Annotated[
        int, Meta(ge=-1, le=1000, description="Layers that llama.cpp puts on a GPU it can use; -1 means all.")
    ] = -1
    speculation: Annotated[
        Literal["off", "ngram", "draft"],
        Meta(
            description="Guess the next tokens and check all guesses in one step: `ngram` from how earlier text went "
            "on after the last few, which pays where code repeats itself; `draft` (ExLlamaV2 and V3) with the small "
            "model that model.draft names."
        ),
    ] = "off"
    gpu_batch_tokens: Annotated[
        int,
        Meta(
            ge=512,
            le=4096,
            description="As batch_tokens, for ExLlamaV2 and V3, in whole pages of 256. A cancel waits for one step.",
        ),
    ] = 512
    gpu_devices: Annotated[
        tuple[str, ...],
        Meta(description="GPUs that ExLlamaV2 and V3 may use: numbers or UUIDs of nvidia-smi; empty means all."),
    ] = ()
    cache_type: Annotated[
        Literal["auto", "fp16", "q8", "q6", "q4"],
        Meta(
            description="Precision of the KV cache of ExLlamaV2 and V3. `auto` takes fp16 for small models, where it "
            "is fastest, and q8 above 2 billion parameters."
        ),
    ] = "auto"
    lora: Annotated[
        str,
        Meta(description="Folder of a LoRA adapter (safetensors) for model.completion, with ExLlamaV2; empty: none."),
    ] = ""


class HostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine host, `slipstream serve`."""

    idle_minutes: Annotated[
        float, Meta(gt=0, le=100_000, description="The host leaves after this long without a request.")
    ] = 30.0
    max_queue: Annotated[int, Meta(ge=1, le=10_000, description="Requests that may wait before more are refused.")] = 64


class CompletionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inline completion."""

    enabled: Annotated[bool, Meta(description="Offer inline completions at all.")] = True
    disabled_languages: Annotated[
        tuple[str, ...], Meta(description="Language ids, as the editor names them, that get none.")
    ] = ()
    max_tokens: Annotated[int, Meta(ge=1, le=2048, description="Longest completion, in tokens.")] = 96
    max_lines: Annotated[int, Meta(ge=1, le=200, description="Longest completion, in lines.")] = 12
    budget_ms: Annotated[
        int,
        Meta(
            ge=20,
            le=10_000,
            description="When the first line should be there, in milliseconds after the key. On a slow machine a "
            "shorter prompt is sent to keep it, and where even that is late a pause in typing is waited for.",
        ),
    ] = 250
    candidates: Annotated[
        int, Meta(ge=1, le=5, description="Suggestions to choose from when one is asked for explicitly.")
    ] = 3
    comments: Annotated[bool, Meta(description="Suggest inside comments too.")] = True
    prefetch: Annotated[
        bool, Meta(description="While a suggestion is being read, make the one that follows when it is accepted.")
    ] = True
    prefix_tokens: Annotated[int, Meta(ge=64, le=65_536, description="Text before the caret that the model sees.")] = (
        768
    )
    suffix_tokens: Annotated[int, Meta(ge=0, le=16_384, description="Text after the caret that the model sees.")] = 128
    snippet_tokens: Annotated[
        int,
        Meta(ge=0, le=16_384, description="Code of other files that the model sees, all of it together; 0: none."),
    ] = 256


class ContextSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a workspace the model may see."""

    index: Annotated[
        bool,
        Meta(
            description="Keep an index of the workspaces that are open in an editor, so that the model sees what is "
            "defined in other files."
        ),
    ] = True
    exclude: Annotated[
        tuple[str, ...],
        Meta(
            description="Files that the model never sees and where nothing is completed, in the syntax of .gitignore; "
            "a .copilotignore in a workspace adds to them."
        ),
    ] = ()


class TeamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host that others on the network use, `slipstream serve --team`."""

    listen: Annotated[str, Meta(description="Address and port that it listens on.")] = "127.0.0.1:8443"
    certificate: Annotated[
        str, Meta(description="PEM file of its TLS certificate, with those of the authorities in between.")
    ] = ""
    key: Annotated[str, Meta(description="PEM file of the certificate's private key.")] = ""
    names: Annotated[
        tuple[str, ...],
        Meta(description="Names and addresses that clients may call it by, beside the machine's own name."),
    ] = ()
    requests_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Of each user; some more for a moment. 0: without limit."),
    ] = 600
    tokens_per_day: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53,
            description="Tokens, of prompts and answers, that are computed for each user in a day of UTC. 0: without "
            "limit.",
        ),
    ] = 0
    waiting_per_user: Annotated[
        int, Meta(ge=1, le=1000, description="Requests of one user of one kind that may wait.")
    ] = 8


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the engine host records of its use, on its own machine; see docs/audit.md."""

    enabled: Annotated[
        bool, Meta(description="Record who asked, when, and how it went: numbers, names and codes, no text.")
    ] = True
    content: Annotated[
        Literal["none", "redacted", "full"],
        Meta(
            description="Record prompts and answers too: `redacted` with secrets masked, `full` as they are. Whoever "
            "uses the host should know."
        ),
    ] = "none"
    required: Annotated[
        bool, Meta(description="Refuse requests while they can't be recorded, rather than serve them unrecorded.")
    ] = False
    keep_days: Annotated[
        int,
        Meta(ge=0, le=36_500, description="Files older than this are deleted; 0: 14 days, and 30 on a shared host."),
    ] = 0
    keep_bytes: Annotated[
        int, Meta(ge=1_000_000, le=10**15, description="All files together stay below this; the oldest are deleted.")
    ] = 200_000_000
    nats: Annotated[
        str,
        Meta(
            description="Address of a NATS server with JetStream that gets a copy, `nats://host:4222` or `tls://...`; "
            "needs the extra `nats`; empty: none."
        ),
    ] = ""


class DownloadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where model files come from."""

    hub: Annotated[str, Meta(description="Base address of the Hugging Face hub or a mirror of it.")] = (
        "https://huggingface.co"
    )
    connect_seconds: Annotated[
        float, Meta(gt=0, le=120, description="How long to wait for the hub before the other sources are tried.")
    ] = 3.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole tree; each field is a table of the TOML file."""

    model: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    host: HostSettings = HostSettings()
    completion: CompletionSettings = CompletionSettings()
    context: ContextSettings = ContextSettings()
    team: TeamSettings = TeamSettings()
    audit: AuditSettings = AuditSettings()
    download: DownloadSettings = DownloadSettings()
