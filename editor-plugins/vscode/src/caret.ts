// Tells the server where the user's attention is, so that it can prepare.
import * as vscode from "vscode";
import type { Connection } from "./connection";
import { Method } from "./wire";

const REST_MS = 150;

export function watchCaret(connection: Connection): vscode.Disposable {
  const seen = new WeakMap<vscode.TextDocument, number>();
  let timer: NodeJS.Timeout | undefined;

  const rests = (editor: vscode.TextEditor): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { document, selection } = editor;
      const known = connection.client?.code2ProtocolConverter;
      if (connection.extras.caret === true && selection.isEmpty && known !== undefined && isCode(document)) {
        connection.notify(Method.didMoveCaret, {
          textDocument: known.asTextDocumentIdentifier(document),
          position: known.asPosition(selection.active),
        });
      }
    }, REST_MS);
  };
  const focused = (editor: vscode.TextEditor | undefined): void => {
    if (editor !== undefined && isCode(editor.document)) {
      connection.notify(Method.didFocus, { textDocument: { uri: editor.document.uri.toString() } });
      rests(editor);
    }
  };
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(focused),
    vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
      const { document } = textEditor;
      // An edit moves the caret too, and the server knows of that already.
      const edited = seen.get(document) !== document.version;
      seen.set(document, document.version);
      if (edited) {
        clearTimeout(timer);
      } else {
        rests(textEditor);
      }
    }),
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
  );
}

function isCode(document: vscode.TextDocument): boolean {
  return ["file", "untitled"].includes(document.uri.scheme);
}
