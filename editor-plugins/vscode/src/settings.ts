// What the server may know of the settings: those it has, where someone set them.

/** The server's settings, as docs/language-server.md lists them. The others are this extension's own. */
export const SERVER_SETTINGS = [
  "enabled",
  "disabledLanguages",
  "maxTokens",
  "maxLines",
  "budgetMs",
  "candidates",
  "comments",
  "prefetch",
  "snippetTokens",
  "index",
  "exclude",
] as const;

/** Those by which the model sees less. A workspace may come from anyone: it adds to what the user leaves out. */
const NARROWING: readonly string[] = ["snippetTokens", "index", "exclude"];

export interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
}

/**
 * Only what was set: a default of the editor must not hide what the configuration file says. The workspace's value is
 * above the user's, but for those settings that can only narrow.
 */
export function explicit(inspect: (name: string) => Inspected | undefined): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name of SERVER_SETTINGS) {
    const found = inspect(name);
    const value = NARROWING.includes(name)
      ? narrower(found?.globalValue, found?.workspaceValue)
      : (found?.workspaceValue ?? found?.globalValue);
    if (value !== undefined && value !== null) {
      result[name] = value;
    }
  }
  return result;
}

function narrower(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) {
    return [...new Set<unknown>([...(one as unknown[]), ...(other as unknown[])])];
  }
  if (typeof one === "number" && typeof other === "number") {
    return Math.min(one, other);
  }
  return one === false ? false : (other ?? one);
}

/** `languages` with `language` added, or without it where it was there. */
export function toggled(languages: readonly string[], language: string): string[] {
  return languages.includes(language) ? languages.filter((one) => one !== language) : [...languages, language];
}
