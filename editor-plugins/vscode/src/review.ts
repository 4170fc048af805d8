// A proposal as a diff. Only Accept writes it.
import * as vscode from "vscode";
import type { WorkspaceEdit } from "vscode-languageserver-protocol";
import type { Connection } from "./connection";
import { applied, fileEdits } from "./edits";
import type { FileEdit } from "./edits";

export const SCHEME = "slipstream-proposal";
const ACCEPT = "Accept";
const DISCARD = "Discard";

interface Shown {
  file: FileEdit;
  uri: vscode.Uri;
  left: vscode.Uri;
  right: vscode.Uri;
  version: number;
}

export class Review implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private count = 0;
  private settle: ((accepted: boolean) => void) | undefined;
  private readonly subscriptions: vscode.Disposable;

  constructor(private readonly connection: Connection) {
    this.subscriptions = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        if (closed.some((tab) => this.isOurs(tab))) {
          this.decide(false);
        }
      }),
    );
  }

  dispose(): void {
    this.decide(false);
    this.subscriptions.dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "";
  }

  /** What became of the proposal that is shown. */
  decide(accepted: boolean): void {
    this.settle?.(accepted);
  }

  /** Show `edit` and, when someone accepts it, make it. A proposal that was shown before is discarded. */
  async propose(title: string, edit: WorkspaceEdit): Promise<void> {
    this.decide(false);
    const files = await Promise.all(fileEdits(edit).map((file) => this.prepare(file)));
    if (files.some(({ file, version }) => file.version !== null && file.version !== version)) {
      void vscode.window.showWarningMessage("The file was changed meanwhile, so the proposal does not fit it. Ask again.");
      return;
    }
    const accepted = new Promise<boolean>((resolve) => {
      this.settle = resolve;
    });
    await this.show(title, files);
    await vscode.commands.executeCommand("setContext", "slipstream.proposal", true);
    void vscode.window.showInformationMessage(`Slipstream proposes: ${title}`, ACCEPT, DISCARD).then((chosen) => {
      if (chosen !== undefined && files.every(({ right }) => this.texts.has(right.toString()))) {
        this.decide(chosen === ACCEPT);
      }
    });
    const wanted = await accepted;
    this.settle = undefined;
    await vscode.commands.executeCommand("setContext", "slipstream.proposal", false);
    if (wanted) {
      await this.make(edit, files);
    }
    await this.hide(files);
  }

  private async prepare(file: FileEdit): Promise<Shown> {
    const uri = vscode.Uri.parse(file.uri);
    this.count += 1;
    const beside = (side: string): vscode.Uri =>
      vscode.Uri.from({ scheme: SCHEME, path: uri.path, query: `${side}-${this.count}` });
    const right = beside("after");
    if (file.creates) {
      const left = beside("before");
      this.texts.set(left.toString(), "");
      this.texts.set(right.toString(), applied("", file.edits));
      return { file, uri, left, right, version: 0 };
    }
    const document = await vscode.workspace.openTextDocument(uri);
    this.texts.set(right.toString(), applied(document.getText(), file.edits));
    return { file, uri, left: uri, right, version: document.version };
  }

  private async show(title: string, files: Shown[]): Promise<void> {
    const only = files[0];
    if (files.length === 1 && only !== undefined) {
      await vscode.commands.executeCommand("vscode.diff", only.left, only.right, title, { preview: false });
    } else {
      const resources = files.map(({ uri, left, right }) => [uri, left, right]);
      await vscode.commands.executeCommand("vscode.changes", title, resources);
    }
  }

  private async make(edit: WorkspaceEdit, files: Shown[]): Promise<void> {
    for (const { file, uri, version } of files) {
      const stale = !file.creates && (await vscode.workspace.openTextDocument(uri)).version !== version;
      if (stale) {
        void vscode.window.showWarningMessage("The file was changed meanwhile, so nothing was written. Ask again.");
        return;
      }
    }
    const converted = await this.connection.client?.protocol2CodeConverter.asWorkspaceEdit(edit);
    if (converted === undefined || !(await vscode.workspace.applyEdit(converted))) {
      void vscode.window.showErrorMessage("VS Code could not make the change; nothing was written.");
    }
  }

  private async hide(files: Shown[]): Promise<void> {
    for (const { left, right } of files) {
      this.texts.delete(left.toString());
      this.texts.delete(right.toString());
    }
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => this.isOurs(tab));
    await vscode.window.tabGroups.close(tabs);
    const first = files[0];
    if (first !== undefined && vscode.workspace.textDocuments.some(({ uri }) => uri.toString() === first.uri.toString())) {
      await vscode.window.showTextDocument(first.uri);
    }
  }

  private isOurs(tab: vscode.Tab): boolean {
    if (tab.input instanceof vscode.TabInputTextDiff) {
      return tab.input.modified.scheme === SCHEME;
    }
    // The stable API does not describe tabs with several files; this is the only one of ours.
    return this.settle !== undefined && tab.input === undefined && tab.label.startsWith("Slipstream:");
  }
}
