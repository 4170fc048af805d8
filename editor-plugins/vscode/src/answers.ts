// Read-only Markdown documents of this extension: answers that stream in, reports.
import * as vscode from "vscode";

export const SCHEME = "slipstream-answer";
const REDRAW_MS = 80;

interface Held {
  text: string;
  timer?: NodeJS.Timeout;
}

export class Answers implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly closed = new vscode.EventEmitter<string>();
  private readonly held = new Map<string, Held>();
  private count = 0;
  private readonly subscriptions: vscode.Disposable;
  readonly onDidChange = this.changed.event;
  /** The address of one that nobody looks at any more. */
  readonly onDidClose = this.closed.event;

  constructor() {
    this.subscriptions = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.window.tabGroups.onDidChangeTabs(() => {
        this.forgetClosed();
      }),
      this.changed,
      this.closed,
    );
  }

  dispose(): void {
    for (const held of this.held.values()) {
      clearTimeout(held.timer);
    }
    this.held.clear();
    this.subscriptions.dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.held.get(uri.toString())?.text ?? "";
  }

  /** Open a new document beside the code, without taking the focus from it. */
  async open(title: string, text = ""): Promise<vscode.Uri> {
    this.count += 1;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${title.replaceAll("/", " ")}.md`, query: String(this.count) });
    this.held.set(uri.toString(), { text });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, {
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
      preview: false,
    });
    return uri;
  }

  /** Show `text` there from now on; soon rather than at once, because text comes by the token. */
  write(uri: vscode.Uri, text: string): void {
    const held = this.held.get(uri.toString());
    if (held === undefined) {
      return;
    }
    held.text = text;
    held.timer ??= setTimeout(() => {
      delete held.timer;
      this.changed.fire(uri);
    }, REDRAW_MS);
  }

  private forgetClosed(): void {
    const open = new Set(
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .map((tab) => (tab.input instanceof vscode.TabInputText ? tab.input.uri.toString() : "")),
    );
    const known = vscode.workspace.textDocuments.map((document) => document.uri.toString());
    for (const [uri, held] of this.held) {
      // One that is just being opened has no tab yet.
      if (known.includes(uri) && !open.has(uri) && held.text !== "") {
        clearTimeout(held.timer);
        this.held.delete(uri);
        this.closed.fire(uri);
      }
    }
  }
}
