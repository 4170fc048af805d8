// Switching completions on and off: everywhere, in this workspace, for a language.
import * as vscode from "vscode";
import { SECTION } from "./connection";
import { toggled } from "./settings";

/** Whether completions are on for `document` as far as this editor's settings say. */
export function enabledFor(document: vscode.TextDocument | undefined): boolean {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const off = configuration.get<string[]>("disabledLanguages", []);
  return configuration.get<boolean>("enabled", true) && (document === undefined || !off.includes(document.languageId));
}

export async function toggle(target: vscode.ConfigurationTarget): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  await configuration.update("enabled", !configuration.get<boolean>("enabled", true), target);
}

export async function toggleLanguage(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) {
    void vscode.window.showInformationMessage("Open a file first: completions are switched for its language.");
    return;
  }
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const value = toggled(configuration.get<string[]>("disabledLanguages", []), document.languageId);
  const inWorkspace = configuration.inspect("disabledLanguages")?.workspaceValue !== undefined;
  await configuration.update(
    "disabledLanguages",
    value,
    inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
  );
}
