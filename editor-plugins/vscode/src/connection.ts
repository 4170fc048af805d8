// The language client: one for the window, whatever folders it has.
import { homedir } from "node:os";
import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, MessageType, ShowMessageNotification, State, TransportKind } from "vscode-languageclient/node";
import type { ExecuteCommandSignature, LanguageClientOptions } from "vscode-languageclient/node";
import { definitions } from "./definitions";
import { explicit } from "./settings";
import { Method } from "./wire";
import type { DefinitionsParams, Extras, Status, StreamEvent } from "./wire";

export const SECTION = "slipstream";
const SELECTOR = [{ scheme: "file" }, { scheme: "untitled" }, { scheme: "vscode-notebook-cell" }];
const RESTARTS = 3;
const RESTARTS_MINUTES = 3;

/** What the server's features need from the rest of this extension. */
export interface Features {
  provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): vscode.ProviderResult<vscode.InlineCompletionItem[]>;
  executeCommand(command: string, args: unknown[], next: ExecuteCommandSignature): unknown;
}

export class Connection implements vscode.Disposable {
  client: LanguageClient | undefined;
  status: Status | undefined;
  private readonly statusChanged = new vscode.EventEmitter<void>();
  private readonly streamed = new vscode.EventEmitter<StreamEvent>();
  private crashes: number[] = [];
  readonly onDidChangeStatus = this.statusChanged.event;
  readonly onStream = this.streamed.event;
  features: Features | undefined;

  constructor(readonly log: vscode.LogOutputChannel) {}

  dispose(): void {
    void this.stop();
    this.statusChanged.dispose();
    this.streamed.dispose();
  }

  get running(): boolean {
    return this.client?.state === State.Running;
  }

  /** What this server can do beyond the protocol. */
  get extras(): Extras {
    const experimental = this.client?.initializeResult?.capabilities.experimental as { slipstream?: Extras } | undefined;
    return experimental?.slipstream ?? {};
  }

  /** Start `program`; whether it runs now. What is wrong is shown. */
  async start(program: string): Promise<boolean> {
    await this.stop();
    const host = vscode.workspace.getConfiguration(SECTION).get<string>("host", "").trim();
    const args = host === "" ? ["lsp"] : ["lsp", "--host", host];
    this.log.info(`Starting ${program} ${args.join(" ")}`);
    const client = new LanguageClient(
      SECTION,
      "Slipstream",
      // Not in the workspace's folder: nothing that lies there should have a say in how the server starts.
      { command: program, args, transport: TransportKind.stdio, options: { cwd: homedir() } },
      this.options(),
    );
    this.client = client;
    client.onNotification(Method.didChangeStatus, (status: Status) => {
      this.tell(status);
    });
    client.onNotification(Method.stream, (event: StreamEvent) => {
      this.streamed.fire(event);
    });
    client.onRequest(Method.definitions, (params: DefinitionsParams) => definitions(client, params));
    client.onDidChangeState(({ newState }) => {
      if (this.client === client) {
        void vscode.commands.executeCommand("setContext", "slipstream.running", newState === State.Running);
        if (newState === State.Running) {
          void this.askStatus(client);
        } else {
          this.tell(undefined);
        }
      }
    });
    try {
      await client.start();
    } catch (error) {
      if (this.client === client) {
        this.client = undefined;
        this.log.error(`The language server did not start: ${text(error)}`);
        void this.offer(`Slipstream's language server did not start: ${program}`, "Restart", "Show Log");
      }
      return false;
    }
    client.onNotification(ShowMessageNotification.type, ({ type, message }) => {
      if (type === MessageType.Error) {
        void this.offer(message, "Doctor", "Show Log");
      } else if (type === MessageType.Warning) {
        void vscode.window.showWarningMessage(message);
      } else {
        void vscode.window.showInformationMessage(message);
      }
    });
    this.log.info("The language server runs.");
    return true;
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.tell(undefined);
    void vscode.commands.executeCommand("setContext", "slipstream.running", false);
    if (client?.state === State.Running) {
      await client.dispose();
    }
  }

  /** A notification for a server that is there; nothing otherwise. */
  notify(method: string, params: object): void {
    if (this.running) {
      // One that goes down meanwhile needs it no more.
      this.client?.sendNotification(method, params).catch(() => undefined);
    }
  }

  /** Say what is wrong once, with buttons for what helps. */
  async offer(message: string, ...buttons: ("Doctor" | "Restart" | "Show Log")[]): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(message, ...buttons);
    const commands = { Doctor: "slipstream.doctor", Restart: "slipstream.restart", "Show Log": "slipstream.showLog" };
    if (chosen !== undefined) {
      await vscode.commands.executeCommand(commands[chosen]);
    }
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: SELECTOR,
      outputChannel: this.log,
      initializationOptions: { status: true, streams: true, review: true, definitions: true },
      progressOnInitialization: false,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          const minutesAgo = Date.now() - RESTARTS_MINUTES * 60_000;
          this.crashes = [...this.crashes.filter((time) => time > minutesAgo), Date.now()];
          if (this.crashes.length <= RESTARTS) {
            this.log.warn("The language server ended unexpectedly; it is started again.");
            return { action: CloseAction.Restart, handled: true };
          }
          void this.offer("Slipstream's language server ended several times and stays off.", "Restart", "Doctor", "Show Log");
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        provideInlineCompletionItems: (document, position, context, token) =>
          this.features?.provideInlineCompletionItems(document, position, context, token),
        executeCommand: (command, args: unknown[], next) => this.features?.executeCommand(command, args, next),
        workspace: {
          // The other settings are none of the server's, and it would name them as unknown.
          configuration: (params) =>
            params.items.map((item) => {
              if (item.section !== SECTION) {
                return null;
              }
              const configuration = vscode.workspace.getConfiguration(SECTION);
              const given = explicit((name) => configuration.inspect(name));
              // Of a workspace that nobody trusts the model sees the open files only.
              return vscode.workspace.isTrusted ? given : { ...given, index: false, snippetTokens: 0 };
            }),
        },
      },
    };
  }

  private async askStatus(client: LanguageClient): Promise<void> {
    if (this.extras.status === true) {
      try {
        this.tell(await client.sendRequest<Status>(Method.status));
      } catch (error) {
        this.log.warn(`The server does not tell its status: ${text(error)}`);
      }
    } else {
      this.tell({
        state: "ready", message: "", hint: "", model: null, backend: null, progress: null, tokensPerSecond: null,
        ttftMs: null, version: client.initializeResult?.serverInfo?.version ?? "",
      });
    }
  }

  private tell(status: Status | undefined): void {
    this.status = status;
    this.statusChanged.fire();
  }
}

export function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
