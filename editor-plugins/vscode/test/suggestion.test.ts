import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedLength, beginsElsewhere } from "../src/suggestion";

test("ghost text begins at the caret where nothing is replaced", () => {
  assert.equal(beginsElsewhere("x)", "", ""), false);
});

test("ghost text begins at the caret where it writes something before the bracket that is there", () => {
  assert.equal(beginsElsewhere("x):", "", ")"), false);
});

test("ghost text begins behind the bracket where the bracket is all that it writes first", () => {
  assert.equal(beginsElsewhere("):\n    pass", "", ")"), true);
});

test("what was typed along counts as there", () => {
  assert.equal(beginsElsewhere("ab):", "ab", ")"), true);
  assert.equal(beginsElsewhere("abc):", "ab", ")"), false);
});

test("the accepted length is counted in UTF-16 units from the beginning", () => {
  assert.equal(acceptedLength("x = '😀'\n", "x = '😀"), 7);
});

test("nothing is accepted where the text went another way", () => {
  assert.equal(acceptedLength("abc", "abd"), undefined);
  assert.equal(acceptedLength("abc", ""), undefined);
});
