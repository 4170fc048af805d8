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
] as const;

export interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
}

/**
 * Only what was set: a default of the editor must not hide what the configuration file says. The workspace's value is
 * above the user's.
 */
export function explicit(inspect: (name: string) => Inspected | undefined): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name of SERVER_SETTINGS) {
    const found = inspect(name);
    const value = found?.workspaceValue ?? found?.globalValue;
    if (value !== undefined && value !== null) {
      result[name] = value;
    }
  }
  return result;
}

/** `languages` with `language` added, or without it where it was there. */
export function toggled(languages: readonly string[], language: string): string[] {
  return languages.includes(language) ? languages.filter((one) => one !== language) : [...languages, language];
}
