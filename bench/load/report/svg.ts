/** What the plots are made of. */

export const SERVER_COLORS: Readonly<Record<string, string>> = {
  joist: "var(--joist)",
  ws: "var(--ws)",
  "ws-prebuilt": "var(--prebuilt)",
  "socket-io": "var(--socket-io)",
};

export function svg(width: number, height: number, content: string, kind = "plot"): string {
  return `<div class="${kind}"><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${content}</svg></div>`;
}

export function text(x: number, y: number, said: string, anchor: "start" | "middle" | "end" = "start"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(said)}</text>`;
}

export function escapeHtml(said: string): string {
  return said.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
