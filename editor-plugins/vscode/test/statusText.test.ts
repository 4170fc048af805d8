import assert from "node:assert/strict";
import { test } from "node:test";
import { shortened, shown } from "../src/statusText";
import type { Status } from "../src/wire";

const READY: Status = {
  state: "ready",
  message: "",
  hint: "",
  model: "qwen2.5-coder-0.5b-instruct-q4_k_m",
  backend: "llama.cpp",
  progress: null,
  tokensPerSecond: 29.6,
  ttftMs: 81.2,
  version: "0.1.0",
};

test("model and speed are shown", () => {
  const { text, tooltip } = shown(READY, true);
  assert.equal(text, "$(zap) qwen2.5-coder-0.5b · 30 tok/s");
  assert.ok(tooltip.includes("Last completion: 30 tok/s, first token after 81 ms"));
});

test("before the first completion there is no speed", () => {
  assert.equal(shown({ ...READY, tokensPerSecond: null }, true).text, "$(zap) qwen2.5-coder-0.5b");
  assert.equal(shown({ ...READY, model: null, tokensPerSecond: null }, true).text, "$(zap) Slipstream");
});

test("a failure is red and says what to do", () => {
  const failed = shown({ ...READY, state: "failed", message: "No model.", hint: "Fetch one." }, true);
  assert.equal(failed.colour, "error");
  assert.deepEqual(failed.tooltip.slice(0, 2), ["No model.", "Fetch one."]);
});

test("a load shows how far it is", () => {
  assert.equal(shown({ ...READY, state: "starting", progress: 0.424 }, true).text, "$(loading~spin) Slipstream 42 %");
});

test("off for this file is off, whatever the server does", () => {
  assert.equal(shown(READY, false).tooltip[0], "Completions are off here.");
});

test("without a server it says so", () => {
  assert.deepEqual(shown(undefined, true).tooltip, ["The language server is not running."]);
});

test("a model's name loses only what says how it was packed", () => {
  assert.equal(shortened("smollm2-135m-instruct-q4_1"), "smollm2-135m");
  assert.equal(shortened("qwen3"), "qwen3");
});
