import assert from "node:assert/strict";
import { test } from "node:test";
import { applied, fileEdits } from "../src/edits";

const at = (line: number, from: number, to: number, newText: string) => ({
  range: { start: { line, character: from }, end: { line, character: to } },
  newText,
});

test("edits are made at once, in any order", () => {
  assert.equal(applied("ab\ncd\n", [at(1, 0, 1, "X"), at(0, 1, 2, "Y\n")]), "aY\n\nXd\n");
});

test("insertions at one place stay in order", () => {
  assert.equal(applied("", [at(0, 0, 0, "1"), at(0, 0, 0, "2")]), "12");
});

test("a position past the end of a line means its end", () => {
  assert.equal(applied("ab\r\ncd", [at(0, 99, 99, "X")]), "abX\r\ncd");
  assert.equal(applied("ab", [at(7, 0, 0, "X")]), "abX");
});

test("form feeds and line separators are no line ends", () => {
  assert.equal(applied("a\fb\u2028c\nd", [at(1, 0, 1, "X")]), "a\fb\u2028c\nX");
});

test("a file that is created is one change with its text", () => {
  const edit = {
    documentChanges: [
      { kind: "create" as const, uri: "file:///t.py" },
      { textDocument: { uri: "file:///t.py", version: null }, edits: [at(0, 0, 0, "x")] },
    ],
  };
  assert.deepEqual(fileEdits(edit), [{ uri: "file:///t.py", version: null, creates: true, edits: [at(0, 0, 0, "x")] }]);
});

test("documentChanges are preferred to changes, as the protocol says", () => {
  const edit = {
    changes: { "file:///a": [at(0, 0, 0, "no")] },
    documentChanges: [{ textDocument: { uri: "file:///a", version: 3 }, edits: [at(0, 0, 0, "yes")] }],
  };
  assert.deepEqual(fileEdits(edit), [{ uri: "file:///a", version: 3, creates: false, edits: [at(0, 0, 0, "yes")] }]);
});

test("a proposal that deletes a file is refused", () => {
  assert.throws(() => fileEdits({ documentChanges: [{ kind: "delete", uri: "file:///a" }] }), /delete a file/);
});
