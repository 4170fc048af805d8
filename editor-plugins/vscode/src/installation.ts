// The server's program: where it is, and an environment of its own for it where there is none.
import { execFile, spawn } from "node:child_process";
import { access, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { SECTION, text } from "./connection";
import { executable, onPath, pythonFits, withHome } from "./programs";

/** Written when everything is there: an installation may be cut off at any point. */
const COMPLETE = "complete";
const PYTHONS = ["python3.13", "python3.12", "python3.11", "python3", "python"];

/** Something went wrong in a way that is said in words. */
export class Trouble extends Error {}

export class Installation {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** The server's program; undefined where there is none. Throws `Trouble` where the setting names something else. */
  async find(): Promise<string | undefined> {
    const set = withHome(vscode.workspace.getConfiguration(SECTION).get<string>("serverPath", "").trim());
    if (set !== "") {
      const found = set.includes("/") ? ((await executable(set)) ? set : undefined) : await onPath(set);
      if (found === undefined) {
        throw new Trouble(`slipstream.serverPath names ${set}, which is not a program that can be run.`);
      }
      return found;
    }
    return (await onPath("slipstream")) ?? (await this.own());
  }

  /** Install into an environment of this extension's own; the program. Throws `Trouble`. */
  async install(progress: vscode.Progress<{ message: string }>, token: vscode.CancellationToken): Promise<string> {
    const wheel = await this.wheel();
    const folder = this.folder();
    await mkdir(this.context.globalStorageUri.fsPath, { recursive: true });
    await rm(folder, { recursive: true, force: true });
    const run = (program: string, args: string[]): Promise<void> => this.run(program, args, token);
    const inside = join(folder, "bin", "python");
    const requirement = `${wheel}[cpu]`;
    try {
      const uv = await onPath("uv");
      if (uv !== undefined) {
        progress.report({ message: "creating an environment" });
        await run(uv, ["venv", "--python", ">=3.11,<3.14", folder]);
        progress.report({ message: "fetching packages" });
        await run(uv, ["pip", "install", "--python", inside, requirement]);
      } else {
        const python = await this.python();
        progress.report({ message: "creating an environment" });
        await run(python, ["-m", "venv", folder]);
        progress.report({ message: "fetching packages" });
        await run(inside, ["-m", "pip", "install", "--disable-pip-version-check", requirement]);
      }
      await writeFile(join(folder, COMPLETE), "");
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    await this.removeOthers(folder);
    return this.program(folder);
  }

  /** The output of `program` with `args`, line by line to the log; ends it when `token` is cancelled. */
  async run(
    program: string,
    args: string[],
    token: vscode.CancellationToken,
    line: (text: string) => void = () => undefined,
  ): Promise<void> {
    this.log.info(`Running ${[program, ...args].join(" ")}`);
    const child = spawn(program, args, { cwd: this.context.globalStorageUri.fsPath, stdio: ["ignore", "pipe", "pipe"] });
    const cancelled = token.onCancellationRequested(() => child.kill("SIGINT"));
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (chunk: string) => {
        for (const said of chunk.split(/[\r\n]+/).filter((one) => one.trim() !== "")) {
          this.log.info(said);
          line(said);
        }
      });
    }
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", resolve);
      });
      if (token.isCancellationRequested) {
        throw new vscode.CancellationError();
      }
      if (code !== 0) {
        throw new Trouble(`${program} ${args[0] ?? ""} failed. The log has its words.`);
      }
    } finally {
      cancelled.dispose();
    }
  }

  private async own(): Promise<string | undefined> {
    const folder = this.folder();
    const complete = await access(join(folder, COMPLETE)).then(() => true, () => false);
    return complete ? this.program(folder) : undefined;
  }

  private async removeOthers(folder: string): Promise<void> {
    const storage = this.context.globalStorageUri.fsPath;
    for (const name of await readdir(storage)) {
      if (name.startsWith("server-") && join(storage, name) !== folder) {
        await rm(join(storage, name), { recursive: true, force: true });
      }
    }
  }

  private async wheel(): Promise<string> {
    const folder = join(this.context.extensionPath, "server");
    const names = await readdir(folder).catch(() => []);
    const wheel = names.find((name) => name.endsWith(".whl"));
    if (wheel === undefined) {
      throw new Trouble("This copy of the extension was built without the server. Set slipstream.serverPath.");
    }
    return join(folder, wheel);
  }

  /** One for each version of this extension, so that a new one brings its own server. */
  private folder(): string {
    const version = (this.context.extension.packageJSON as { version: string }).version;
    return join(this.context.globalStorageUri.fsPath, `server-${version}`);
  }

  private program(folder: string): string {
    return join(folder, "bin", "slipstream");
  }

  private async python(): Promise<string> {
    const seen: string[] = [];
    for (const name of PYTHONS) {
      const program = await onPath(name);
      if (program !== undefined) {
        const version = await promisify(execFile)(program, ["--version"]).then(({ stdout }) => stdout.trim(), text);
        if (pythonFits(version)) {
          return program;
        }
        seen.push(version);
      }
    }
    const found = seen.length === 0 ? "no Python was found" : `only ${seen.join(", ")} was found`;
    throw new Trouble(`Slipstream needs Python 3.11, 3.12 or 3.13, or uv, and ${found}.`);
  }
}
