// Ghost text that grows while the model writes.
//
// VS Code asks once and draws the answer. So the first whole line is the answer, and each further one is drawn by
// hiding the ghost text and asking again, which this provider answers from what came meanwhile.
import * as vscode from "vscode";
import { InlineCompletionRequest, ProgressType } from "vscode-languageclient/node";
import type { InlineCompletionList, InlineCompletionParams } from "vscode-languageclient/node";
import type { Connection } from "./connection";
import { acceptedLength, beginsElsewhere } from "./suggestion";
import { Method } from "./wire";
import type { Suggestion } from "./wire";

const PARTIAL = new ProgressType<InlineCompletionList>();
const HIDE = "editor.action.inlineSuggest.hide";
const TRIGGER = "editor.action.inlineSuggest.trigger";

/** Where a suggestion belongs: another version, caret or entry of the popup is another place. */
interface Place {
  uri: string;
  version: number;
  line: number;
  character: number;
  selected: string;
}

/** One question to the server, and what came of it so far. */
interface Question {
  place: Place;
  explicit: boolean;
  items: Suggestion[];
  /** What VS Code was given last. */
  drawn: Suggestion[];
  /** Someone goes through the candidates: drawing anew would begin at the first again. */
  cycled: boolean;
  answered: boolean;
  cancel: vscode.CancellationTokenSource;
  /** The first text, or that none will come. */
  first: Promise<void>;
  answer: Promise<void>;
}

export class Ghost implements vscode.Disposable {
  private current: Question | undefined;
  private shownId: unknown;
  /** The document that a suggestion was shown in last. */
  shownIn: vscode.Uri | undefined;
  private asking = 0;
  /** Under way while more is drawn. The requests that VS Code makes meanwhile are this provider's own. */
  private redrawing: Promise<void> | undefined;
  /** How often someone dismissed one, or went away from its place. */
  private departures = 0;
  private contexts = new Map<string, boolean>();
  private readonly subscriptions: vscode.Disposable[] = [];

  constructor(private readonly connection: Connection) {
    this.subscriptions.push(
      vscode.window.onDidChangeTextEditorSelection((event) => {
        this.leaveUnlessAt(event.textEditor);
      }),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.leaveUnlessAt(editor);
      }),
    );
  }

  dispose(): void {
    this.leave();
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  async provide(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[] | undefined> {
    const place = placeOf(document, position, context.selectedCompletionInfo);
    const explicit = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke && this.redrawing === undefined;
    let question = this.current !== undefined && same(this.current.place, place) ? this.current : undefined;
    // VS Code asks explicitly both for a suggestion and for the candidates beside one that is there.
    const cycled = explicit && question !== undefined && question.items.length > 0;
    if (question === undefined || (explicit && !question.explicit)) {
      // What it drew may fit on, and VS Code leaves it there until the answer: keys mean the same all the while.
      this.abandon(this.current);
      question = this.ask(document, position, context, place, explicit);
    }
    const asked = question;
    asked.cycled ||= cycled;
    const cancelled = token.onCancellationRequested(() => {
      if (asked.items.length === 0) {
        this.leave(asked);
      }
    });
    await (asked.cycled ? asked.answer : asked.first);
    cancelled.dispose();
    if (token.isCancellationRequested || this.current !== asked) {
      return undefined;
    }
    this.drawn(document, position, asked);
    asked.drawn = asked.items;
    return asked.items.map((item) => this.converted(item));
  }

  /** The one at the caret is not wanted. */
  async dismiss(): Promise<void> {
    const item = this.current?.items[0];
    this.departures += 1;
    this.leave();
    await vscode.commands.executeCommand(HIDE);
    if (item !== undefined) {
      this.connection.notify(Method.didDismiss, { item });
    }
  }

  /** Ask anew what was asked in vain: there is a model now. */
  again(): void {
    const question = this.current;
    const inVain = question !== undefined && question.answered && question.items.length === 0;
    if (inVain && this.redrawing === undefined && isAt(question.place, vscode.window.activeTextEditor)) {
      this.leave(question);
      // As if VS Code asked by itself: nobody wants several to choose from.
      this.redrawing = Promise.resolve(vscode.commands.executeCommand(TRIGGER)).then(
        () => { this.redrawing = undefined; },
        () => { this.redrawing = undefined; },
      );
    }
  }

  /** Accept all of it, also while more of it is being drawn. */
  async accept(): Promise<void> {
    await this.redrawing;
    await vscode.commands.executeCommand("editor.action.inlineSuggest.commit");
  }

  /** Accept a part of it with `command`, one of VS Code's own, and say how far that went. */
  async acceptPart(command: string): Promise<void> {
    await this.redrawing;
    const item = this.current?.items[0];
    await vscode.commands.executeCommand(command);
    const editor = vscode.window.activeTextEditor;
    if (item?.range === undefined || editor === undefined) {
      return;
    }
    const { line, character } = item.range.start;
    const text = editor.document.getText(new vscode.Range(new vscode.Position(line, character), editor.selection.active));
    const length = acceptedLength(textOf(item), text);
    if (length !== undefined) {
      this.connection.notify(Method.didPartiallyAccept, { item, acceptedLength: length });
    }
  }

  /** Forget what is shown: the server stops, and nothing more of it is drawn. */
  leave(question: Question | undefined = this.current): void {
    if (question === undefined) {
      return;
    }
    if (this.current === question) {
      this.tell("slipstream.suggesting", false);
    }
    this.abandon(question);
  }

  private abandon(question: Question | undefined): void {
    if (question?.answered === false) {
      question.cancel.cancel();
    }
    if (this.current === question) {
      this.current = undefined;
    }
  }

  private ask(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    place: Place,
    explicit: boolean,
  ): Question {
    const client = this.connection.client;
    let arrived: () => void = () => undefined;
    const question: Question = {
      place,
      explicit,
      items: [],
      drawn: [],
      cycled: false,
      answered: false,
      cancel: new vscode.CancellationTokenSource(),
      first: new Promise((resolve) => {
        arrived = resolve;
      }),
      answer: Promise.resolve(),
    };
    this.current = question;
    if (client === undefined) {
      question.answered = true;
      arrived();
      return question;
    }
    this.asking += 1;
    const partialResultToken = `ghost-${this.asking}`;
    const progress = client.onProgress(PARTIAL, partialResultToken, (value) => {
      this.grown(question, value.items);
      arrived();
    });
    const params: InlineCompletionParams & { partialResultToken: string } = {
      ...client.code2ProtocolConverter.asInlineCompletionParams(document, position, context),
      partialResultToken,
    };
    const answered = async (): Promise<void> => {
      try {
        const answer = await client.sendRequest(InlineCompletionRequest.type, params, question.cancel.token);
        question.answered = true;
        // Null means that there is nothing new, so what is shown stays.
        if (answer !== null) {
          this.grown(question, Array.isArray(answer) ? answer : answer.items);
        }
      } catch (error) {
        question.answered = true;
        if (!question.cancel.token.isCancellationRequested) {
          this.connection.log.warn(`No completion: ${error instanceof Error ? error.message : String(error)}`);
        }
      } finally {
        progress.dispose();
        question.cancel.dispose();
        arrived();
      }
    };
    question.answer = answered();
    return question;
  }

  /** More came: draw it, unless it is what is drawn already or the first of all. */
  private grown(question: Question, items: Suggestion[]): void {
    const before = question.items;
    question.items = items;
    if (before.length > 0 && !allAlike(before, items) && !question.cycled && this.current === question) {
      this.refresh(question);
    }
  }

  private refresh(question: Question): void {
    if (this.redrawing === undefined && isAt(question.place, vscode.window.activeTextEditor)) {
      // Nothing is on the screen for a frame or two, and keys mean what they meant before.
      this.tell("slipstream.redrawing", true);
      this.redrawing = this.redraw(question).finally(() => {
        this.redrawing = undefined;
        this.tell("slipstream.redrawing", false);
      });
    }
  }

  private async redraw(question: Question): Promise<void> {
    let items: Suggestion[];
    do {
      items = question.items;
      const before = this.departures;
      await vscode.commands.executeCommand(HIDE);
      // Whoever types on meanwhile wants what comes of that, and hiding has ended VS Code's own request for it.
      if (this.departures !== before) {
        return;
      }
      await vscode.commands.executeCommand(TRIGGER);
    } while (
      this.current === question &&
      question.items !== items &&
      !allAlike(question.drawn, question.items) &&
      isAt(question.place, vscode.window.activeTextEditor)
    );
  }

  private drawn(document: vscode.TextDocument, position: vscode.Position, question: Question): void {
    const item = question.items[0];
    this.tell("slipstream.suggesting", item !== undefined);
    if (item === undefined) {
      return;
    }
    this.tell("slipstream.suggested", true);
    const range = this.rangeOf(item);
    const text = (from: vscode.Position, to: vscode.Position): string => document.getText(new vscode.Range(from, to));
    const elsewhere =
      range !== undefined && beginsElsewhere(textOf(item), text(range.start, position), text(position, range.end));
    this.tell("slipstream.suggestingElsewhere", elsewhere);
    const id: unknown = (item.command?.arguments?.[0] as { id?: unknown } | undefined)?.id ?? question;
    if (id !== this.shownId) {
      this.shownId = id;
      this.shownIn = document.uri;
      this.connection.notify(Method.didShow, { item });
    }
  }

  private converted(item: Suggestion): vscode.InlineCompletionItem {
    const converter = this.connection.client?.protocol2CodeConverter;
    const converted = new vscode.InlineCompletionItem(textOf(item), this.rangeOf(item));
    if (item.command !== undefined && converter !== undefined) {
      converted.command = converter.asCommand(item.command);
    }
    return converted;
  }

  private rangeOf(item: Suggestion): vscode.Range | undefined {
    const range = item.range;
    return range && new vscode.Range(range.start.line, range.start.character, range.end.line, range.end.character);
  }

  private leaveUnlessAt(editor: vscode.TextEditor | undefined): void {
    const place = this.current?.place;
    // While someone types, VS Code itself asks anew, or draws what is left of this one.
    const typed = place?.uri === editor?.document.uri.toString() && place?.version !== editor?.document.version;
    if (place !== undefined && !typed && !isAt(place, editor)) {
      this.departures += 1;
      this.leave();
    }
  }

  /** Context keys that key bindings look at. */
  private tell(key: string, value: boolean): void {
    if (this.contexts.get(key) !== value) {
      this.contexts.set(key, value);
      void vscode.commands.executeCommand("setContext", key, value);
    }
  }
}

function placeOf(
  document: vscode.TextDocument,
  position: vscode.Position,
  selected: vscode.SelectedCompletionInfo | undefined,
): Place {
  return {
    uri: document.uri.toString(),
    version: document.version,
    line: position.line,
    character: position.character,
    selected: selected?.text ?? "",
  };
}

function same(one: Place, other: Place): boolean {
  return isSameCaret(one, other) && one.selected === other.selected;
}

function isSameCaret(one: Place, other: Place): boolean {
  return (
    one.uri === other.uri &&
    one.version === other.version &&
    one.line === other.line &&
    one.character === other.character
  );
}

function isAt(place: Place, editor: vscode.TextEditor | undefined): boolean {
  return editor !== undefined && isSameCaret(place, placeOf(editor.document, editor.selection.active, undefined));
}

function textOf(item: Suggestion): string {
  return typeof item.insertText === "string" ? item.insertText : item.insertText.value;
}

function allAlike(some: Suggestion[], others: Suggestion[]): boolean {
  return some.length === others.length && some.every((item, n) => alike(item, others[n]));
}

function alike(one: Suggestion, other: Suggestion | undefined): boolean {
  return other !== undefined && textOf(one) === textOf(other) && one.range?.end.character === other.range?.end.character;
}
