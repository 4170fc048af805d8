// Text edits of the protocol, applied to a text. Offsets are UTF-16 units, as in the protocol's default encoding.
import type { CreateFile, TextDocumentEdit, TextEdit, WorkspaceEdit } from "vscode-languageserver-protocol";

/** What a proposal does to one file. `version` null: whatever is there. `creates`: the file is not there yet. */
export interface FileEdit {
  uri: string;
  version: number | null;
  creates: boolean;
  edits: TextEdit[];
}

/** The files of a workspace edit, in order. Throws for what cannot be shown as a diff: deleting and renaming files. */
export function fileEdits(edit: WorkspaceEdit): FileEdit[] {
  const files = new Map<string, FileEdit>();
  const file = (uri: string): FileEdit => {
    const known = files.get(uri) ?? { uri, version: null, creates: false, edits: [] };
    files.set(uri, known);
    return known;
  };
  for (const change of edit.documentChanges ?? []) {
    if (isCreate(change)) {
      file(change.uri).creates = true;
    } else if (isText(change)) {
      const known = file(change.textDocument.uri);
      known.version = change.textDocument.version;
      known.edits.push(...change.edits.filter((one): one is TextEdit => "newText" in one));
    } else {
      throw new Error(`A proposal that would ${change.kind} a file is not shown.`);
    }
  }
  if (edit.documentChanges === undefined) {
    for (const [uri, edits] of Object.entries(edit.changes ?? {})) {
      file(uri).edits.push(...edits);
    }
  }
  return [...files.values()];
}

type Change = NonNullable<WorkspaceEdit["documentChanges"]>[number];
const isCreate = (change: Change): change is CreateFile => "kind" in change && change.kind === "create";
const isText = (change: Change): change is TextDocumentEdit => "textDocument" in change;

/** `text` with all of `edits` made at once; they do not overlap. */
export function applied(text: string, edits: readonly TextEdit[]): string {
  const lines = lineSpans(text);
  const at = (line: number, character: number): number => {
    const span = lines[line];
    return span === undefined ? text.length : Math.min(span.start + character, span.end);
  };
  const spans = edits.map((edit, order) => ({
    start: at(edit.range.start.line, edit.range.start.character),
    end: at(edit.range.end.line, edit.range.end.character),
    newText: edit.newText,
    order,
  }));
  spans.sort((a, b) => a.start - b.start || a.order - b.order);
  let result = "";
  let done = 0;
  for (const span of spans) {
    result += text.slice(done, span.start) + span.newText;
    done = Math.max(done, span.end);
  }
  return result + text.slice(done);
}

/** Where each line begins, and where it ends before its line end. */
function lineSpans(text: string): { start: number; end: number }[] {
  const spans = [];
  let start = 0;
  for (const end of text.matchAll(/\r\n|\n|\r/g)) {
    spans.push({ start, end: end.index });
    start = end.index + end[0].length;
  }
  spans.push({ start, end: text.length });
  return spans;
}
