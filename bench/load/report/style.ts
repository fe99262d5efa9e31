/** How the report looks, by day and by night, on a wide screen and on a narrow one. */
export const STYLE = `:root{color-scheme:light dark;--page:#fff;--ink:#222;--soft:#666;--line:#ddd;--joist:#c2581a;--ws:#3f68a8;
--prebuilt:#59a5b8;--socket-io:#7a7a7a;--all:#e4e0da;--flame-joist:#f0a56f;--flame-app:#e5c65f;--flame-package:#9dbde3;
--flame-node:#c3d6c0;--flame-native:#d5d0c8;--flame-gc:#dd9a9a;--on-flame:#1c1c1c}
@media(prefers-color-scheme:dark){:root{--page:#191a1c;--ink:#e2e2e0;--soft:#a0a0a0;--line:#3b3c3f;--joist:#ee8b4d;--ws:#7ba6e4;
--prebuilt:#7fcadb;--socket-io:#a3a3a3;--all:#4a4743;--flame-joist:#a75a28;--flame-app:#8a7420;--flame-package:#38598a;
--flame-node:#48654a;--flame-native:#55524d;--flame-gc:#8a4444;--on-flame:#f2f2f0}}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:var(--ink);
background:var(--page)}h2{margin:3rem 0 .5rem;border-top:1px solid var(--line);padding-top:1rem}h4{margin:1rem 0 .3rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;white-space:nowrap;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:600}
a{color:var(--ws)}.left{text-align:left}td.left{white-space:normal;min-width:10rem}.plots{display:flex;flex-wrap:wrap;gap:1rem;margin-top:1rem}
.plot{flex:1 1 24rem;max-width:34rem;min-width:0}.plot svg{width:100%;height:auto;display:block}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.heading{font-weight:600}.plot line{stroke:var(--line)}
polyline{fill:none;stroke-width:2;stroke-linejoin:round}.flame{overflow-x:auto}.flame svg{width:100%;min-width:45rem;height:auto;display:block}
.flame text{font:11px system-ui,sans-serif;fill:var(--on-flame);pointer-events:none}.flame g:hover rect{stroke:var(--ink)}
.all{fill:var(--all)}rect.joist{fill:var(--flame-joist)}.app{fill:var(--flame-app)}.package{fill:var(--flame-package)}
.node{fill:var(--flame-node)}.native{fill:var(--flame-native)}.gc{fill:var(--flame-gc)}
.keys span{display:inline-block;padding:0 .6rem;margin:0 .4rem .3rem 0;border-radius:2px;color:var(--on-flame)}
summary{cursor:pointer;margin-top:1rem;font-weight:600}`;

/** What the colours of flame graphs mean. */
export const FLAME_KEYS: readonly (readonly [color: string, meaning: string])[] = [
  ["--flame-joist", "Joist"],
  ["--flame-app", "the application"],
  ["--flame-package", "packages (ws …)"],
  ["--flame-node", "Node.js"],
  ["--flame-native", "native code"],
  ["--flame-gc", "garbage collection"],
];
