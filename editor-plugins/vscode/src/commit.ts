// The commit message box of VS Code's git extension.
import * as vscode from "vscode";

interface Repository {
  readonly rootUri: vscode.Uri;
  readonly inputBox: { value: string };
}
interface Git {
  readonly repositories: Repository[];
  getRepository(uri: vscode.Uri): Repository | null;
}

/** The repository that is meant: the one that a command was called on, the open file's, or the only one. */
export async function repository(context: unknown): Promise<Repository | undefined> {
  const extension = vscode.extensions.getExtension<{ getAPI(version: 1): Git }>("vscode.git");
  if (extension === undefined) {
    return undefined;
  }
  const git = (await extension.activate()).getAPI(1);
  const called = (context as { rootUri?: vscode.Uri } | undefined)?.rootUri;
  const file = vscode.window.activeTextEditor?.document.uri;
  return (called && git.getRepository(called)) ?? (file && git.getRepository(file)) ?? git.repositories[0];
}

/** Put `message` into the box; what someone wrote there is replaced only with their leave. */
export async function write(target: Repository, message: string): Promise<void> {
  const written = target.inputBox.value.trim();
  if (written !== "" && written !== message.trim()) {
    const replace = "Replace";
    const chosen = await vscode.window.showWarningMessage("There is a commit message already.", replace, "Keep");
    if (chosen !== replace) {
      return;
    }
  }
  target.inputBox.value = message;
  await vscode.commands.executeCommand("workbench.view.scm");
}
