// Wires the parts together. The server thinks; this draws.
import * as vscode from "vscode";
import { Answers } from "./answers";
import { Ask } from "./ask";
import { watchCaret } from "./caret";
import { Connection, SECTION, text } from "./connection";
import { Ghost } from "./ghost";
import { Installation } from "./installation";
import { Lifecycle } from "./lifecycle";
import { Review } from "./review";
import { menu, statusBar } from "./statusBar";
import { Steering } from "./steering";
import { toggle, toggleLanguage } from "./toggles";
import { ASK } from "./wire";
import type { Kind, Question } from "./wire";
import { why } from "./why";

const KINDS: Kind[] = ["explain", "fix", "document", "tests", "rename"];

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Slipstream", { log: true });
  const connection = new Connection(log);
  const answers = new Answers();
  const review = new Review(connection);
  const ghost = new Ghost(connection);
  const ask = new Ask(connection, answers, review);
  const steering = new Steering(connection, ghost);
  const lifecycle = new Lifecycle(connection, new Installation(context, log), answers);

  connection.features = {
    provideInlineCompletionItems: (...args) => ghost.provide(...args),
    executeCommand: (command, args, next) =>
      command.startsWith(ASK)
        ? ask.run(command.slice(ASK.length) as Kind, args[0] as Question)
        : (next(command, args) as unknown),
  };

  const commands: Record<string, (...args: unknown[]) => unknown> = {
    chat: () => ask.chat(),
    commitMessage: (source) => ask.commitMessage(source),
    why: () => why(connection, answers),
    shown: () => steering.shown(),
    pinSelection: () => steering.pinSelection(),
    neverUseFile: () => steering.neverUseFile(),
    showChoices: () => steering.showChoices(),
    resetChoices: () => steering.resetChoices(),
    reviewRules: () => steering.reviewRules(),
    menu: () => menu(connection),
    toggle: () => toggle(vscode.ConfigurationTarget.Global),
    toggleWorkspace: () => toggle(vscode.ConfigurationTarget.Workspace),
    toggleLanguage,
    accept: () => ghost.accept(),
    acceptWord: () => ghost.acceptPart("editor.action.inlineSuggest.acceptNextWord"),
    acceptLine: () => ghost.acceptPart("editor.action.inlineSuggest.acceptNextLine"),
    dismiss: () => ghost.dismiss(),
    acceptProposal: () => { review.decide(true); },
    discardProposal: () => { review.decide(false); },
    install: () => lifecycle.install(),
    pullModel: () => lifecycle.pullModel(),
    models: () => lifecycle.showModels(),
    doctor: () => lifecycle.doctor(),
    restart: () => lifecycle.start(),
    showLog: () => { log.show(); },
  };
  for (const kind of KINDS) {
    commands[kind] = () => ask.aboutSelection(kind);
  }
  for (const [name, run] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(`${SECTION}.${name}`, run));
  }
  context.subscriptions.push(
    ghost,
    review,
    answers,
    connection,
    log,
    statusBar(connection),
    watchCaret(connection),
    whenItAnswers(connection, () => { ghost.again(); }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("slipstream.serverPath") || event.affectsConfiguration("slipstream.host")) {
        void lifecycle.start();
      } else if (event.affectsConfiguration("slipstream.enabled") || event.affectsConfiguration("slipstream.disabledLanguages")) {
        // What is on the screen may be in a language that was just switched off.
        ghost.leave();
        void vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      // The server asks for the settings again, which say more now.
      connection.notify("workspace/didChangeConfiguration", { settings: null });
    }),
  );
  // Not awaited: a question to the user would hold up the window's start.
  lifecycle.start().catch((error: unknown) => {
    log.error(text(error));
  });
}

/** Call `then` when a model comes up, or completions are switched on. */
function whenItAnswers(connection: Connection, then: () => void): vscode.Disposable {
  let before = connection.status?.state;
  return connection.onDidChangeStatus(() => {
    const now = connection.status?.state;
    const answers = now === "ready" || now === "busy";
    if (answers && before !== undefined && before !== "ready" && before !== "busy") {
      then();
    }
    before = now;
  });
}
