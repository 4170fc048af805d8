// A conversation as Markdown.
import type { Turn } from "./wire";

export function transcript(turns: readonly Turn[], model: string | null = null): string {
  const parts = turns.map((turn) =>
    turn.role === "user" ? `### You\n\n${turn.content}\n` : `### ${model ?? "Slipstream"}\n\n${turn.content}\n`,
  );
  return parts.join("\n");
}
