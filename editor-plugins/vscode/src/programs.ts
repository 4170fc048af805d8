// Finding programs, and telling Python versions apart.
import { access, constants, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

/** The file of a program on the `PATH`. Entries that are not absolute are skipped: they depend on who opened what. */
export async function onPath(name: string, path: string | undefined = process.env["PATH"]): Promise<string | undefined> {
  for (const folder of (path ?? "").split(delimiter)) {
    if (isAbsolute(folder) && (await executable(join(folder, name)))) {
      return join(folder, name);
    }
  }
  return undefined;
}

export async function executable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** `~/x` is written by people and understood by shells only. */
export function withHome(file: string): string {
  return file.startsWith("~/") ? join(homedir(), file.slice(2)) : file;
}

/** Whether `text`, as `python --version` prints it, is a Python that Slipstream runs on. */
export function pythonFits(text: string): boolean {
  const version = /^Python 3\.(\d+)\./.exec(text);
  const minor = Number(version?.[1]);
  return minor >= 11 && minor <= 13;
}
