// Builds the Python package of this repository into server/, from where the extension installs it.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve("..", "..");
const own = join(root, ".venv", "bin", "python");
const python = process.env.PYTHON ?? (existsSync(own) ? own : "python3");

rmSync("server", { recursive: true, force: true });
try {
  execFileSync(python, ["-m", "build", "--wheel", "--no-isolation", "--outdir", resolve("server"), root], {
    stdio: ["ignore", "ignore", "inherit"],
  });
} catch {
  console.error(`The wheel was not built. ${python} needs the packages build and hatchling: make setup-dev`);
  process.exit(1);
}
