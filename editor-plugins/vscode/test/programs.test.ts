import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { onPath, pythonFits, withHome } from "../src/programs";

const folder = mkdtempSync(join(tmpdir(), "ss-"));
after(() => {
  rmSync(folder, { recursive: true });
});
const file = (name: string, mode: number): string => {
  const path = join(folder, name);
  writeFileSync(path, "");
  chmodSync(path, mode);
  return path;
};

test("a program is found where it can be run", async () => {
  const program = file("runs", 0o700);
  assert.equal(await onPath("runs", `/nowhere:${folder}`), program);
});

test("folders, files that cannot be run and relative folders are passed over", async () => {
  mkdirSync(join(folder, "folder"));
  file("text", 0o600);
  assert.equal(await onPath("folder", folder), undefined);
  assert.equal(await onPath("text", folder), undefined);
  assert.equal(await onPath("runs", ".::bin"), undefined);
});

test("Python 3.11 to 3.13 fit", () => {
  assert.ok(pythonFits("Python 3.11.7"));
  assert.ok(pythonFits("Python 3.13.0rc1"));
  for (const other of ["Python 3.10.9", "Python 3.14.0", "Python 2.7.18", ""]) {
    assert.equal(pythonFits(other), false);
  }
});

test("the home folder is written as people write it", () => {
  assert.ok(withHome("~/bin/x").endsWith("/bin/x"));
  assert.equal(withHome("/bin/~/x"), "/bin/~/x");
});
