/**
 * A flame graph as SVG: callers below, what they called above, as wide as the time it took. Needs no script; what is too narrow for
 * its name tells it, and its share, when pointed at.
 */
import type { Frame, ThreadProfile } from "./profile.js";
import { escapeHtml, svg } from "./svg.js";

const WIDTH = 1080;
const ROW = 17;
/** Widths in pixels: of what is still drawn, of what still has its name in it, of a letter. */
const NARROWEST = 0.8;
const NAMED = 26;
const LETTER = 6.2;

interface Box {
  readonly frame: Frame;
  readonly x: number;
  readonly width: number;
  readonly depth: number;
}

export function flameGraph({ title, root, lengthMicros }: ThreadProfile): string {
  const boxes = layOut(root);
  const height = (Math.max(...boxes.map(({ depth }) => depth)) + 1) * ROW;
  const share = (micros: number): string => `${((micros / root.micros) * 100).toFixed(1)} %`;
  const drawn = boxes.map(({ frame, x, width, depth }) => {
    const y = height - (depth + 1) * ROW;
    const hint = `${frame.name} ${frame.where}: ${share(frame.micros)}`;
    const letters = Math.floor((width - 6) / LETTER);
    const name = frame.name.length <= letters ? frame.name : `${frame.name.slice(0, Math.max(0, letters - 1))}…`;
    const label = width < NAMED ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escapeHtml(name)}</text>`;
    return `<g><title>${escapeHtml(hint)}</title><rect class="${kindOf(frame, depth)}" x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" rx="1"/>${label}</g>`;
  });
  const busy = `busy ${(root.micros / 1000).toFixed(0)} of ${(lengthMicros / 1000).toFixed(0)} ms`;
  return `<h4>${escapeHtml(title)}, ${busy}</h4>${svg(WIDTH, height, drawn.join(""), "flame")}`;
}

/** The widest child first, so that two graphs of one program look alike. */
function layOut(root: Frame): Box[] {
  const boxes: Box[] = [];
  const place = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.micros / root.micros) * WIDTH;
    if (width < NARROWEST) return;
    boxes.push({ frame, x, width, depth });
    let at = x;
    for (const child of [...frame.children.values()].sort((a, b) => b.micros - a.micros)) {
      place(child, at, depth + 1);
      at += (child.micros / root.micros) * WIDTH;
    }
  };
  place(root, 0, 0);
  return boxes;
}

/** Whose code it is, for its colour. */
export function kindOf({ name, where }: Frame, depth: number): string {
  if (depth === 0) return "all";
  if (where.startsWith("src/") || where.startsWith("workers/")) return "joist";
  if (where.startsWith("node:")) return "node";
  if (where === "") return name === "(garbage collector)" ? "gc" : "native";
  return where.startsWith("bench/") ? "app" : "package";
}
