// What of other files the model was shown, and what the user wants it to see: pinned, not this piece, never this file.
import * as vscode from "vscode";
import { ExecuteCommandRequest } from "vscode-languageclient/node";
import { choices, piece } from "./choicesText";
import { text } from "./connection";
import type { Connection } from "./connection";
import type { Ghost } from "./ghost";
import { CONTEXT, Method, REVIEW_RULES } from "./wire";
import type { Choice, Choices, Part, Why } from "./wire";

type Piece = vscode.QuickPickItem & { part: Part; path: string };

const PIN = { iconPath: new vscode.ThemeIcon("pin"), tooltip: "Pin: Always Show These Lines" };
const BAN = { iconPath: new vscode.ThemeIcon("circle-slash"), tooltip: "Don't Show This Piece Again" };
const NEVER = { iconPath: new vscode.ThemeIcon("eye-closed"), tooltip: "Never from This File" };

export class Steering {
  constructor(
    private readonly connection: Connection,
    private readonly ghost: Ghost,
  ) {}

  /** The pieces of other files that the last suggestion was made from, to open them or to say what is thought of them. */
  async shown(): Promise<void> {
    const uri = this.ghost.shownIn;
    const parts = await this.pieces();
    if (parts === undefined) {
      return;
    }
    if (uri === undefined || parts.length === 0) {
      void vscode.window.showInformationMessage(
        parts.length === 0 ? "The last suggestion was made from its own file only." : "No suggestion was shown yet.",
      );
      return;
    }
    const pick = vscode.window.createQuickPick<Piece>();
    pick.title = "Slipstream: What the Model Was Shown";
    pick.placeholder = "Enter opens a piece; its buttons pin it, or keep it or its file from the model";
    pick.matchOnDescription = true;
    pick.ignoreFocusOut = true;
    pick.items = parts.map((part) => ({ ...piece(part), part, path: part.origin ?? "", buttons: [PIN, BAN, NEVER] }));
    pick.onDidAccept(() => {
      const chosen = pick.selectedItems[0];
      pick.hide();
      if (chosen !== undefined) {
        void this.open(uri, chosen);
      }
    });
    pick.onDidTriggerItemButton(async ({ item, button }) => {
      if (button === PIN) {
        await this.pin(uri, item);
        return;
      }
      const choice: Choice = { uri: this.written(uri), path: item.path };
      const done = button === BAN ? this.change("ban", { ...choice, text: item.part.text }) : this.change("never", choice);
      if ((await done) !== undefined) {
        pick.items = pick.items.filter((one) => (button === BAN ? one !== item : one.path !== item.path));
      }
      if (pick.items.length === 0) {
        pick.hide();
      }
    });
    pick.onDidHide(() => {
      pick.dispose();
    });
    pick.show();
  }

  async pinSelection(): Promise<void> {
    const editor = this.editor();
    const known = this.connection.client?.code2ProtocolConverter;
    if (editor === undefined || known === undefined) {
      return;
    }
    const choice = { uri: known.asUri(editor.document.uri), range: known.asRange(editor.selection) };
    if ((await this.change("pin", choice)) !== undefined) {
      say("These lines are shown to the model from now on.");
    }
  }

  async neverUseFile(): Promise<void> {
    const uri = this.editor()?.document.uri;
    if (uri !== undefined && (await this.change("never", { uri: this.written(uri) })) !== undefined) {
      say(`Nothing of ${vscode.workspace.asRelativePath(uri)} is shown to the model in other files from now on.`);
    }
  }

  /** All that was chosen for this workspace, to take some of it back. */
  async showChoices(): Promise<void> {
    const uri = this.here();
    const known = uri && (await this.change("list", { uri: this.written(uri) }));
    if (uri === undefined || known === undefined) {
      return;
    }
    const items = choices(known);
    if (items.length === 0) {
      say("Nothing is pinned or banned in this workspace.");
      return;
    }
    const options = { canPickMany: true, title: "Slipstream: Pinned or Banned", placeHolder: "Tick what is to be taken back" } as const;
    for (const { label } of (await vscode.window.showQuickPick(items, options)) ?? []) {
      await this.change("reset", { uri: this.written(uri), path: label });
    }
  }

  async resetChoices(): Promise<void> {
    const uri = this.here();
    const message = "Forget what is pinned and banned in this workspace?";
    if (uri !== undefined && (await vscode.window.showWarningMessage(message, { modal: true }, "Reset")) === "Reset") {
      await this.change("reset", { uri: this.written(uri) });
    }
  }

  /** The server asks, and shows what the rules say. */
  async reviewRules(): Promise<void> {
    const uri = this.here();
    if (uri !== undefined) {
      await this.tell(REVIEW_RULES, { uri: this.written(uri) });
    }
  }

  private async pieces(): Promise<Part[] | undefined> {
    const client = this.connection.client;
    if (client === undefined || this.connection.extras.context !== true) {
      say("Slipstream's language server is not running, or too old to say what it showed the model.");
      return undefined;
    }
    try {
      const answer = await client.sendRequest<Why | null>(Method.why, {});
      return answer?.parts.filter(({ part, origin }) => part === "snippet" && origin !== null) ?? [];
    } catch (error) {
      void this.connection.offer(text(error), "Show Log");
      return undefined;
    }
  }

  private async open(uri: vscode.Uri, { part, path }: Piece): Promise<void> {
    const file = beside(uri, path);
    if (file !== undefined) {
      await vscode.window.showTextDocument(file, { selection: lines(part) });
    }
  }

  /** The server finds the lines in the text of an open document; and whoever pins them sees which they are. */
  private async pin(uri: vscode.Uri, { part, path }: Piece): Promise<void> {
    const file = beside(uri, path);
    const known = this.connection.client?.code2ProtocolConverter;
    if (file === undefined || known === undefined) {
      return;
    }
    const { document, selection } = await vscode.window.showTextDocument(file, { selection: lines(part), preserveFocus: true });
    if ((await this.change("pin", { uri: known.asUri(document.uri), range: known.asRange(selection) })) !== undefined) {
      say(`${path}:${part.firstLine}–${part.lastLine} is shown to the model from now on.`);
    }
  }

  /** Tell the server; what is chosen then. Undefined where that failed, which is shown. */
  private change(name: "pin" | "ban" | "never" | "reset" | "list", choice: Choice): Promise<Choices | undefined> {
    return this.tell(CONTEXT + name, choice) as Promise<Choices | undefined>;
  }

  private async tell(command: string, argument: Choice): Promise<unknown> {
    const client = this.connection.client;
    if (client === undefined || this.connection.extras.context !== true) {
      say("Slipstream's language server is not running, or too old for this.");
      return undefined;
    }
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] })) as unknown;
    } catch (error) {
      void vscode.window.showWarningMessage(`Slipstream: ${text(error)}`);
      return undefined;
    }
  }

  private editor(): vscode.TextEditor | undefined {
    const editor = vscode.window.activeTextEditor;
    if (editor?.document.uri.scheme === "file") {
      return editor;
    }
    say("Open a file of the workspace first.");
    return undefined;
  }

  /** A document of the workspace that is meant. */
  private here(): vscode.Uri | undefined {
    const active = vscode.window.activeTextEditor?.document.uri;
    return active?.scheme === "file" ? active : (this.ghost.shownIn ?? this.editor()?.document.uri);
  }

  private written(uri: vscode.Uri): string {
    return this.connection.client?.code2ProtocolConverter.asUri(uri) ?? uri.toString();
  }
}

/** The file at `path` in the workspace folder of `uri`. */
function beside(uri: vscode.Uri, path: string): vscode.Uri | undefined {
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  return folder && vscode.Uri.joinPath(folder.uri, path);
}

function lines(part: Part): vscode.Range {
  return new vscode.Range((part.firstLine ?? 1) - 1, 0, part.lastLine ?? 1, 0);
}

function say(message: string): void {
  void vscode.window.showInformationMessage(message);
}
