// Why this suggestion: what the model was shown, and how long it took.
import * as vscode from "vscode";
import type { Answers } from "./answers";
import { text } from "./connection";
import type { Connection } from "./connection";
import { Method } from "./wire";

export async function why(connection: Connection, answers: Answers): Promise<void> {
  const client = connection.client;
  if (client === undefined || connection.extras.why !== true) {
    void vscode.window.showInformationMessage("Slipstream's language server is not running, or too old to say why.");
    return;
  }
  try {
    const answer = await client.sendRequest<{ markdown: string } | null>(Method.why, {});
    if (answer === null) {
      void vscode.window.showInformationMessage("No suggestion was shown yet, or it is too long ago.");
    } else {
      await answers.open("Why this suggestion", answer.markdown);
    }
  } catch (error) {
    void connection.offer(text(error), "Show Log");
  }
}
