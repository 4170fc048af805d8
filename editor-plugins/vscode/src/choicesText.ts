// The words for what the model was shown, and for what someone chose of it.
import type { Choices, Part } from "./wire";

export interface Words {
  label: string;
  description: string;
  detail: string;
}

/** A piece of another file. */
export function piece(part: Part): Words {
  const tokens = part.kept === null || part.kept === part.tokens ? part.tokens : `${part.kept} of ${part.tokens}`;
  const said = [
    tokens === null ? "" : `${tokens} tokens`,
    part.score === null ? "" : `score ${part.score.toFixed(2)}`,
  ];
  return {
    label: `${part.origin}:${part.firstLine}–${part.lastLine}`,
    description: part.reason,
    detail: said.filter((words) => words !== "").join(", "),
  };
}

/** One entry for each file or folder that something was said about; it is taken back as a whole. */
export function choices({ pins, bans, never }: Choices): { label: string; description: string }[] {
  const said = new Map<string, string[]>();
  const say = (path: string, words: string): void => {
    said.set(path, [...(said.get(path) ?? []), words]);
  };
  for (const path of never) {
    say(path, "never shown");
  }
  for (const { path, first, last } of pins) {
    say(path, `lines ${first}–${last} pinned`);
  }
  for (const { path, head } of bans) {
    say(path, `not shown: ${head}`);
  }
  return [...said].map(([label, words]) => ({ label, description: words.join(" · ") }));
}
