// The words of the status bar item.
import type { Status } from "./wire";

export interface Shown {
  text: string;
  tooltip: string[];
  colour: "error" | "none";
}

/** `enabled`: whether completions are on for the file that is looked at. */
export function shown(status: Status | undefined, enabled: boolean): Shown {
  if (status === undefined) {
    return { text: "$(circle-slash) Slipstream", tooltip: ["The language server is not running."], colour: "none" };
  }
  const speed = status.tokensPerSecond === null ? "" : `${status.tokensPerSecond.toFixed(0)} tok/s`;
  const model = status.model === null ? "" : shortened(status.model);
  const tooltip = [
    status.message,
    status.hint,
    status.model === null ? "" : `Model: ${status.model}${status.backend === null ? "" : ` (${status.backend})`}`,
    speed === "" ? "" : `Last completion: ${speed}${status.ttftMs === null ? "" : `, first token after ${status.ttftMs.toFixed(0)} ms`}`,
    status.version === "" ? "" : `Server ${status.version}`,
  ].filter((line) => line !== "");
  if (!enabled || status.state === "off") {
    return { text: "$(circle-slash) Slipstream", tooltip: ["Completions are off here.", ...tooltip], colour: "none" };
  }
  switch (status.state) {
    case "failed":
      return { text: "$(error) Slipstream", tooltip, colour: "error" };
    case "starting": {
      const share = status.progress === null ? "" : ` ${Math.round(status.progress * 100)} %`;
      return { text: `$(loading~spin) Slipstream${share}`, tooltip, colour: "none" };
    }
    case "busy":
      return { text: joined("$(pulse)", model, speed), tooltip, colour: "none" };
    case "ready":
      return { text: joined("$(zap)", model, speed), tooltip, colour: "none" };
  }
}

function joined(icon: string, ...parts: string[]): string {
  const said = parts.filter((part) => part !== "");
  return `${icon} ${said.length === 0 ? "Slipstream" : said.join(" · ")}`;
}

/** A model's name without what says how it was packed; the tooltip has all of it. */
export function shortened(model: string): string {
  return model.replace(/-instruct/i, "").replace(/[-.]q\d\w*$/i, "");
}
