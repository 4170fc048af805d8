// Questions to the model about the code: the answer streams into a document, or becomes a proposal.
import * as vscode from "vscode";
import { ExecuteCommandRequest, LSPErrorCodes, ResponseError } from "vscode-languageclient/node";
import type { Answers } from "./answers";
import { SCHEME } from "./answers";
import * as commit from "./commit";
import { text } from "./connection";
import type { Connection } from "./connection";
import type { Review } from "./review";
import { transcript } from "./transcript";
import { ASK } from "./wire";
import type { Answer, Kind, Question, Turn } from "./wire";

const TITLES: Record<Kind, string> = {
  explain: "Explanation",
  fix: "Fix",
  document: "Documentation",
  tests: "Tests",
  rename: "Names",
  commitMessage: "Commit message",
  chat: "Chat",
};

interface Chat {
  question: Question;
  turns: Turn[];
}

export class Ask {
  private count = 0;
  private readonly chats = new Map<string, Chat>();

  constructor(
    private readonly connection: Connection,
    private readonly answers: Answers,
    private readonly review: Review,
  ) {}

  /** Ask about the selection of the active editor. */
  async aboutSelection(kind: Kind): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const known = this.connection.client?.code2ProtocolConverter;
    if (editor === undefined || editor.document.uri.scheme === SCHEME || known === undefined || !this.connection.running) {
      const message = this.connection.running
        ? "Open a file first: the question is about the code that is selected there."
        : "Slipstream's language server is not running.";
      void vscode.window.showInformationMessage(message);
      return;
    }
    const { document, selection } = editor;
    const question: Question = { uri: known.asUri(document.uri), range: known.asRange(selection) };
    if (kind === "fix") {
      const around = selection.isEmpty ? document.lineAt(selection.active).range : selection;
      const problems = vscode.languages.getDiagnostics(document.uri).filter((one) => one.range.intersection(around));
      question.diagnostics = await known.asDiagnostics(problems);
    }
    await this.run(kind, question);
  }

  /** A question of the user's own: about the selection, or going on where the active conversation ended. */
  async chat(): Promise<void> {
    const active = vscode.window.activeTextEditor?.document.uri;
    const going = active && this.chats.get(active.toString());
    const question = await vscode.window.showInputBox({
      title: "Slipstream",
      prompt: going ? "Ask further" : "Ask about the selected code, or the code around the caret",
      ignoreFocusOut: true,
    });
    if (question === undefined || question.trim() === "") {
      return;
    }
    if (going !== undefined && active !== undefined) {
      await this.converse(active, going, question);
      return;
    }
    const editor = vscode.window.activeTextEditor;
    const known = this.connection.client?.code2ProtocolConverter;
    const chat: Chat = { question: {}, turns: [] };
    if (editor !== undefined && editor.document.uri.scheme !== SCHEME && known !== undefined) {
      chat.question = { uri: known.asUri(editor.document.uri), range: known.asRange(editor.selection) };
    }
    const uri = await this.answers.open(TITLES.chat);
    this.chats.set(uri.toString(), chat);
    const closed = this.answers.onDidClose((gone) => {
      if (gone === uri.toString()) {
        this.chats.delete(gone);
        closed.dispose();
      }
    });
    await this.converse(uri, chat, question);
  }

  async commitMessage(context?: unknown): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      void vscode.window.showInformationMessage("Commit messages need a trusted workspace: git runs programs that it names.");
      return;
    }
    const repository = await commit.repository(context);
    if (repository === undefined) {
      void vscode.window.showInformationMessage("No git repository is open here.");
      return;
    }
    const answer = await this.request("commitMessage", { uri: repository.rootUri.toString() }, () => undefined);
    if (answer?.commitMessage) {
      await commit.write(repository, answer.commitMessage);
    } else if (answer !== undefined) {
      void vscode.window.showInformationMessage(answer.note || "No commit message came.");
    }
  }

  /** Carry out one of the server's commands, as code actions name them. */
  async run(kind: Kind, question: Question): Promise<void> {
    if (kind === "commitMessage") {
      await this.commitMessage();
    } else if (kind === "chat" && question.question !== undefined) {
      const uri = await this.answers.open(TITLES.chat);
      const chat: Chat = { question, turns: [...(question.messages ?? [])] };
      this.chats.set(uri.toString(), chat);
      await this.converse(uri, chat, question.question);
    } else if (kind === "chat") {
      await this.chat();
    } else if (kind === "explain") {
      await this.explain(question);
    } else {
      await this.propose(kind, question);
    }
  }

  private async explain(question: Question): Promise<void> {
    const uri = await this.answers.open(TITLES.explain);
    await this.streamInto(uri, "explain", question, (come) => come);
  }

  private async converse(uri: vscode.Uri, chat: Chat, question: string): Promise<void> {
    const before = chat.turns;
    const asked: Turn = { role: "user", content: question };
    const answer = await this.streamInto(uri, "chat", { ...chat.question, question, messages: before }, (come) =>
      transcript([...before, asked, { role: "assistant", content: come }]),
    );
    if (answer !== undefined) {
      chat.turns = [...before, asked, { role: "assistant", content: answer.text }];
    }
  }

  private async propose(kind: Kind, question: Question): Promise<void> {
    const answer = await this.request(kind, question, () => undefined);
    if (answer === undefined) {
      return;
    }
    if (answer.names.length > 0) {
      await this.rename(question, answer);
    } else if (answer.edit !== null) {
      await this.review.propose(answer.title || TITLES[kind], answer.edit);
    } else {
      const show = "Show the Answer";
      const note = answer.note || "The model's answer could not be made into a change.";
      const chosen = await vscode.window.showInformationMessage(note, ...(answer.text === "" ? [] : [show]));
      if (chosen === show) {
        await this.answers.open(TITLES[kind], answer.text);
      }
    }
  }

  /** The editor knows every use of a name where a language server does; the model's own edit is for where none does. */
  private async rename(question: Question, answer: Answer): Promise<void> {
    const name = await vscode.window.showQuickPick(answer.names, { title: "Slipstream", placeHolder: "A better name" });
    const { uri, range } = question;
    if (name === undefined || uri === undefined || range === undefined) {
      return;
    }
    const position = new vscode.Position(range.start.line, range.start.character);
    try {
      const found = await vscode.commands.executeCommand<vscode.WorkspaceEdit | undefined>(
        "vscode.executeDocumentRenameProvider", vscode.Uri.parse(uri), position, name,
      );
      if (found !== undefined && found.size > 0) {
        const known = this.connection.client?.code2ProtocolConverter;
        const changes = found.entries().map(([file, edits]) => {
          return [file.toString(), edits.flatMap((edit) => known?.asTextEdit(edit) ?? [])] as const;
        });
        await this.review.propose(`Rename to ${name}`, { changes: Object.fromEntries(changes) });
        return;
      }
    } catch {
      this.connection.log.info("No language server renames here.");
    }
    const own = name === answer.names[0] ? answer : await this.request("rename", { ...question, name }, () => undefined);
    if (own === undefined) {
      return;
    }
    if (own.edit !== null) {
      await this.review.propose(`Rename to ${name}`, own.edit);
    } else {
      void vscode.window.showInformationMessage(own.note || `No language extension here can rename to ${name} everywhere.`);
    }
  }

  /** Ask, and show what has come at each moment in the document at `uri`. Closing the document cancels. */
  private async streamInto(
    uri: vscode.Uri,
    kind: Kind,
    question: Question,
    whole: (come: string) => string,
  ): Promise<Answer | undefined> {
    let come = "";
    this.answers.write(uri, whole("…"));
    const answer = await this.request(
      kind,
      question,
      (more) => {
        come += more;
        this.answers.write(uri, whole(come));
      },
      uri,
    );
    const end = answer === undefined ? "\n\n*It was stopped here.*\n" : answer.incomplete ? "\n\n*It breaks off here.*\n" : "\n";
    this.answers.write(uri, whole((answer?.text ?? come) + end));
    return answer;
  }

  /** The answer; undefined where it was cancelled or failed, which is shown. */
  private async request(
    kind: Kind,
    question: Question,
    more: (text: string) => void,
    document?: vscode.Uri,
  ): Promise<Answer | undefined> {
    const client = this.connection.client;
    if (client === undefined) {
      return undefined;
    }
    this.count += 1;
    const stream = `vscode-${this.count}`;
    const cancel = new vscode.CancellationTokenSource();
    const subscriptions = [
      cancel,
      this.connection.onStream((event) => {
        if (event.stream === stream && event.kind === "text") {
          more(event.text);
        }
      }),
      this.answers.onDidClose((closed) => {
        if (closed === document?.toString()) {
          cancel.cancel();
        }
      }),
    ];
    const params = {
      command: ASK + kind,
      arguments: [{ ...question, stream }],
      // The server would begin progress of its own without it, and this shows it already.
      workDoneToken: stream,
    };
    const options = { location: vscode.ProgressLocation.Notification, title: `Slipstream: ${TITLES[kind]}`, cancellable: true };
    try {
      return await vscode.window.withProgress(options, async (_progress, token) => {
        subscriptions.push(token.onCancellationRequested(() => { cancel.cancel(); }));
        return (await client.sendRequest(ExecuteCommandRequest.type, params, cancel.token)) as Answer;
      });
    } catch (error) {
      const cancelled = error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled;
      if (!cancelled && !cancel.token.isCancellationRequested) {
        void this.connection.offer(text(error), "Doctor", "Show Log");
      }
      return undefined;
    } finally {
      vscode.Disposable.from(...subscriptions).dispose();
    }
  }
}
