import assert from "node:assert/strict";
import { test } from "node:test";
import { explicit, toggled } from "../src/settings";

test("only what was set is told, the workspace's value above the user's", () => {
  const values: Record<string, object> = {
    enabled: { defaultValue: true, globalValue: true, workspaceValue: false },
    maxLines: { globalValue: 4 },
    candidates: { defaultValue: null },
    serverPath: { globalValue: "/usr/bin/slipstream" },
  };
  assert.deepEqual(explicit((name) => values[name]), { enabled: false, maxLines: 4 });
});

test("a workspace takes nothing back of what the user leaves out", () => {
  const values: Record<string, object> = {
    snippetTokens: { globalValue: 100, workspaceValue: 300 },
    index: { globalValue: false, workspaceValue: true },
    exclude: { globalValue: ["*.sql"], workspaceValue: ["*.sql", "docs/"] },
  };
  assert.deepEqual(explicit((name) => values[name]), { snippetTokens: 100, index: false, exclude: ["*.sql", "docs/"] });
});

test("a workspace leaves out what it likes", () => {
  const values: Record<string, object> = {
    snippetTokens: { workspaceValue: 0 },
    index: { globalValue: true, workspaceValue: false },
    exclude: { defaultValue: [], globalValue: ["*.sql"] },
  };
  assert.deepEqual(explicit((name) => values[name]), { snippetTokens: 0, index: false, exclude: ["*.sql"] });
});

test("a language is added, and taken away again", () => {
  assert.deepEqual(toggled(["css"], "python"), ["css", "python"]);
  assert.deepEqual(toggled(["css", "python"], "css"), ["python"]);
});
