// The model files, through the server's program.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import type { Installation } from "./installation";

interface Model {
  id: string;
  state: string;
  default: boolean;
  size_bytes: number;
  license: string;
}

export async function list(program: string): Promise<Model[]> {
  const { stdout } = await promisify(execFile)(program, ["models", "list", "--json"]);
  return JSON.parse(stdout) as Model[];
}

export function size(model: Model): string {
  const megabytes = model.size_bytes / 1e6;
  return megabytes < 1000 ? `${megabytes.toFixed(0)} MB` : `${(megabytes / 1000).toFixed(2)} GB`;
}

/** Fetch `id`, with progress; whether it is here now. What came is kept when someone cancels. */
export async function pull(installation: Installation, program: string, id: string): Promise<boolean> {
  const options = { location: vscode.ProgressLocation.Notification, title: `Slipstream: ${id}`, cancellable: true };
  return await vscode.window.withProgress(options, async (progress, token) => {
    let share = 0;
    try {
      await installation.run(program, ["models", "pull", id], token, (line) => {
        const percent = Number(/\((\d+) % of/.exec(line)?.[1] ?? share);
        progress.report({ message: line, increment: Math.max(0, percent - share) });
        share = percent;
      });
      return true;
    } catch (error) {
      if (error instanceof vscode.CancellationError) {
        return false;
      }
      throw error;
    }
  });
}

/** All of them, to choose one to fetch. */
export async function choose(installation: Installation, program: string): Promise<void> {
  const entries = (await list(program)).map((model) => ({
    label: model.id,
    description: `${model.state}, ${size(model)}, ${model.license}`,
    detail: model.default ? "Completes and answers questions." : "",
    model,
  }));
  const chosen = await vscode.window.showQuickPick(entries, { title: "Slipstream", placeHolder: "Models; a missing one is downloaded" });
  if (chosen?.model.state === "missing") {
    await pull(installation, program, chosen.model.id);
  }
}
