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

test("a language is added, and taken away again", () => {
  assert.deepEqual(toggled(["css"], "python"), ["css", "python"]);
  assert.deepEqual(toggled(["css", "python"], "css"), ["python"]);
});
