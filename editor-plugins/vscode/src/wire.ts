// The shapes of what the language server says beyond the protocol; docs/language-server.md describes them.
import type { Diagnostic, InlineCompletionItem, Position, Range, TextDocumentIdentifier, WorkspaceEdit } from "vscode-languageserver-protocol";

export const Method = {
  status: "slipstream/status",
  didChangeStatus: "slipstream/didChangeStatus",
  stream: "slipstream/stream",
  why: "slipstream/why",
  definitions: "slipstream/definitions",
  didMoveCaret: "slipstream/didMoveCaret",
  didFocus: "textDocument/didFocus",
  didShow: "textDocument/didShowCompletion",
  didPartiallyAccept: "textDocument/didPartiallyAcceptCompletion",
  didDismiss: "slipstream/didDismissCompletion",
} as const;

export const ASK = "slipstream.ask.";
export const CONTEXT = "slipstream.context.";
export const REVIEW_RULES = "slipstream.rules.review";

export interface Status {
  state: "off" | "starting" | "ready" | "busy" | "failed";
  message: string;
  hint: string;
  model: string | null;
  backend: string | null;
  progress: number | null;
  tokensPerSecond: number | null;
  ttftMs: number | null;
  version: string;
}

export type StreamEvent = { stream: string; sequence: number } & (
  | { kind: "begin"; command: string; title: string; uri: string | null }
  | { kind: "text"; text: string }
  | { kind: "end"; reason: "done" | "length" | "cancelled" | "error"; message: string; hint: string }
);

export type Kind = "explain" | "fix" | "document" | "tests" | "rename" | "commitMessage" | "chat";

export interface Turn {
  role: "user" | "assistant";
  content: string;
}

export interface Question {
  uri?: string;
  range?: Range;
  diagnostics?: Diagnostic[];
  question?: string;
  messages?: Turn[];
  /** A name that someone chose for `rename`; no model is asked then. */
  name?: string;
  stream?: string;
}

export interface Answer {
  stream: string;
  kind: Kind;
  title: string;
  text: string;
  model: string | null;
  incomplete: boolean;
  edit: WorkspaceEdit | null;
  diff: string | null;
  names: string[];
  commitMessage: string | null;
  note: string;
}

/** A piece of a suggestion's prompt. Lines are counted from 1, the last one included. */
export interface Part {
  part: string;
  reason: string;
  text: string;
  origin: string | null;
  firstLine: number | null;
  lastLine: number | null;
  score: number | null;
  tokens: number | null;
  /** How many of `tokens` the model was shown. */
  kept: number | null;
}

export interface Why {
  parts: Part[];
  markdown: string;
}

/** What someone wants the model to see of a workspace. Paths are below its folder. */
export interface Choices {
  pins: { path: string; first: number; last: number; head: string }[];
  bans: { path: string; head: string }[];
  never: string[];
}

/** The one argument of the commands that change them. */
export interface Choice {
  uri: string;
  path?: string;
  range?: Range;
  text?: string;
}

export interface DefinitionsParams {
  textDocument: TextDocumentIdentifier;
  positions: Position[];
}

/** What the server can do beyond the protocol, in `capabilities.experimental.slipstream`. */
export interface Extras {
  caret?: boolean;
  partialResults?: boolean;
  life?: boolean;
  status?: boolean;
  streams?: boolean;
  why?: boolean;
  context?: boolean;
}

export type Suggestion = InlineCompletionItem;
