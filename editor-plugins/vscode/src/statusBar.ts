// The item in the status bar, and the menu behind it.
import * as vscode from "vscode";
import type { Connection } from "./connection";
import { shown } from "./statusText";
import { enabledFor } from "./toggles";

export function statusBar(connection: Connection): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("slipstream.status", vscode.StatusBarAlignment.Right, 100);
  item.name = "Slipstream";
  item.command = "slipstream.menu";
  const draw = (): void => {
    const { text, tooltip, colour } = shown(connection.status, enabledFor(vscode.window.activeTextEditor?.document));
    item.text = text;
    item.tooltip = [...tooltip, "Click for more."].join("\n");
    item.backgroundColor = colour === "error" ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    item.accessibilityInformation = { label: `Slipstream: ${tooltip.join(" ")}` };
  };
  draw();
  item.show();
  return vscode.Disposable.from(
    item,
    connection.onDidChangeStatus(draw),
    vscode.window.onDidChangeActiveTextEditor(draw),
    vscode.workspace.onDidChangeConfiguration(draw),
  );
}

type Entry = vscode.QuickPickItem & { command?: string };

export async function menu(connection: Connection): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const enabled = vscode.workspace.getConfiguration("slipstream").get<boolean>("enabled", true);
  const { tooltip } = shown(connection.status, enabledFor(document));
  const entries: Entry[] = [
    { label: tooltip[0] ?? "Ready", kind: vscode.QuickPickItemKind.Separator },
    { label: `$(${enabled ? "circle-slash" : "zap"}) Switch completions ${enabled ? "off" : "on"}`, command: "slipstream.toggle" },
  ];
  if (document !== undefined) {
    const off = vscode.workspace.getConfiguration("slipstream").get<string[]>("disabledLanguages", []);
    const word = off.includes(document.languageId) ? "on" : "off";
    entries.push({ label: `$(file-code) Switch completions ${word} for ${document.languageId}`, command: "slipstream.toggleLanguage" });
  }
  if (vscode.workspace.workspaceFolders !== undefined) {
    entries.push({ label: `$(folder) Switch completions ${enabled ? "off" : "on"} in this workspace`, command: "slipstream.toggleWorkspace" });
  }
  if (connection.running) {
    entries.push(
      { label: "$(question) Why this suggestion?", command: "slipstream.why" },
      { label: "$(list-unordered) What the model was shown", command: "slipstream.shown" },
      { label: "$(comment-discussion) Ask about the code", command: "slipstream.chat" },
      { label: "$(package) Models", command: "slipstream.models" },
      { label: "$(pulse) Doctor", command: "slipstream.doctor" },
    );
  } else {
    entries.push({ label: "$(cloud-download) Install the language server", command: "slipstream.install" });
  }
  entries.push(
    { label: "$(output) Show log", command: "slipstream.showLog" },
    { label: "$(debug-restart) Restart the language server", command: "slipstream.restart" },
    { label: "$(gear) Settings", command: "slipstream.settings" },
  );
  const chosen = await vscode.window.showQuickPick(entries, { title: "Slipstream", placeHolder: tooltip.join(" · ") });
  if (chosen?.command === "slipstream.settings") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "@ext:slipstream.slipstream");
  } else if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}
