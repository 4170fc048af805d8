// From nothing to a server that runs with a model, with the user's consent at each step that fetches something.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import type { Answers } from "./answers";
import { SECTION, text } from "./connection";
import type { Connection } from "./connection";
import { Installation, Trouble } from "./installation";
import * as models from "./models";

const INSTALL = "Install";
const DOWNLOAD = "Download";
const SETTINGS = "Open Settings";
const LOG = "Show Log";

export class Lifecycle {
  private program: string | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly installation: Installation,
    private readonly answers: Answers,
  ) {}

  /** Find the server and start it; where there is none, offer to install one. */
  async start(): Promise<void> {
    try {
      this.program = await this.installation.find();
    } catch (error) {
      await this.connection.stop();
      await this.showTrouble(error, SETTINGS);
      return;
    }
    if (this.program === undefined) {
      await this.connection.stop();
      const message = "Slipstream's language server is not on this machine. Install it into an environment of its own? It comes from PyPI, about 100 MB.";
      if ((await vscode.window.showInformationMessage(message, INSTALL, SETTINGS)) === INSTALL) {
        await this.install();
      }
      return;
    }
    if (await this.connection.start(this.program)) {
      await this.checkModel(this.program);
    }
  }

  async install(): Promise<void> {
    const options = { location: vscode.ProgressLocation.Notification, title: "Installing Slipstream", cancellable: true };
    try {
      await vscode.window.withProgress(options, (progress, token) => this.installation.install(progress, token));
    } catch (error) {
      await this.showTrouble(error, LOG);
      return;
    }
    await this.start();
  }

  async pullModel(): Promise<void> {
    await this.withProgram(async (program) => {
      const model = (await models.list(program)).find((one) => one.default);
      if (model !== undefined && (await models.pull(this.installation, program, model.id))) {
        await vscode.commands.executeCommand("setContext", "slipstream.modelReady", true);
      }
    });
  }

  async showModels(): Promise<void> {
    await this.withProgram((program) => models.choose(this.installation, program));
  }

  async doctor(): Promise<void> {
    await this.withProgram(async (program) => {
      // It ends with 1 where something is wrong, and has said what.
      const output = await promisify(execFile)(program, ["doctor"]).then(
        ({ stdout }) => stdout,
        (error: unknown) => (error as { stdout?: string }).stdout ?? text(error),
      );
      await this.answers.open("Doctor", `# What \`slipstream doctor\` found\n\n\`\`\`text\n${output}\`\`\`\n`);
    });
  }

  private async checkModel(program: string): Promise<void> {
    if (vscode.workspace.getConfiguration(SECTION).get<string>("host", "") !== "") {
      // The model is where that host runs.
      return;
    }
    const known = await models.list(program).catch((error: unknown) => {
      this.connection.log.warn(`The models could not be listed: ${text(error)}`);
      return [];
    });
    const model = known.find((one) => one.default);
    await vscode.commands.executeCommand("setContext", "slipstream.modelReady", model?.state === "installed");
    if (model?.state === "missing") {
      const message = `Slipstream needs its model: ${model.id}, ${models.size(model)}, ${model.license}. Download it now?`;
      if ((await vscode.window.showInformationMessage(message, DOWNLOAD, "Not Now")) === DOWNLOAD) {
        await this.pullModel();
      }
    }
  }

  private async withProgram(work: (program: string) => Promise<void>): Promise<void> {
    try {
      this.program ??= await this.installation.find();
      if (this.program === undefined) {
        await this.start();
      } else {
        await work(this.program);
      }
    } catch (error) {
      await this.showTrouble(error, LOG);
    }
  }

  private async showTrouble(error: unknown, button: string): Promise<void> {
    if (error instanceof vscode.CancellationError) {
      return;
    }
    this.connection.log.error(text(error));
    const message = error instanceof Trouble ? error.message : `Slipstream: ${text(error)}`;
    const chosen = await vscode.window.showErrorMessage(message, button);
    if (chosen === SETTINGS) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "slipstream.serverPath");
    } else if (chosen === LOG) {
      this.connection.log.show();
    }
  }
}
