// What can be said of a suggestion from texts alone.

/**
 * Whether the ghost text would begin elsewhere than at the caret, behind characters that are there already.
 * `before` and `after` are the parts of the replaced text left and right of the caret.
 */
export function beginsElsewhere(insertText: string, before: string, after: string): boolean {
  return after !== "" && insertText.startsWith(before) && insertText.startsWith(after.charAt(0), before.length);
}

/**
 * How much of `insertText` is in the document, in UTF-16 units, when `text` stands between where it begins and the
 * caret. Undefined: the text went another way.
 */
export function acceptedLength(insertText: string, text: string): number | undefined {
  return text !== "" && insertText.startsWith(text) ? text.length : undefined;
}
