import assert from "node:assert/strict";
import { test } from "node:test";
import { choices, piece } from "../src/choicesText";
import type { Part } from "../src/wire";

const PART: Part = {
  part: "snippet",
  origin: "src/store.py",
  firstLine: 3,
  lastLine: 9,
  reason: "defines read_json",
  text: "def read_json(path):\n    return 1\n",
  score: 0.8132,
  tokens: 40,
  kept: 40,
};

test("a piece says where it is from, why it is there and what it cost", () => {
  assert.deepEqual(piece(PART), {
    label: "src/store.py:3–9",
    description: "defines read_json",
    detail: "40 tokens, score 0.81",
  });
  assert.equal(piece({ ...PART, kept: 12, score: null }).detail, "12 of 40 tokens");
  assert.equal(piece({ ...PART, tokens: null, kept: null, score: null }).detail, "");
});

test("what was chosen is listed by file", () => {
  const listed = choices({
    pins: [
      { path: "a.py", first: 1, last: 4, head: "import os" },
      { path: "a.py", first: 9, last: 9, head: "x = 1" },
    ],
    bans: [{ path: "b.py", head: "def b():" }],
    never: ["generated"],
  });
  assert.deepEqual(listed, [
    { label: "generated", description: "never shown" },
    { label: "a.py", description: "lines 1–4 pinned · lines 9–9 pinned" },
    { label: "b.py", description: "not shown: def b():" },
  ]);
});
