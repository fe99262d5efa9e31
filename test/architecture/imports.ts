/**
 * Reads imports out of TypeScript sources: enough of a scanner to skip comments, strings, templates and regular
 * expressions, then patterns over what is left. The compiler's own API is not used, as it has no stable one at present.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** One import, `export … from`, or `import()`. `value` is false for those that leave no trace in the JavaScript. */
export interface Import {
  readonly specifier: string;
  readonly value: boolean;
}

/** Sources by their path from the repository's root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** The nearest folder upwards with a package.json: this file runs from dist/, the sources lie outside of it. */
export function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!readdirSync(folder).includes("package.json")) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no package.json in any folder above this test");
    folder = parent;
  }
  return folder;
}

/** Every .ts file under these folders of the repository; a folder that does not exist has none. */
export function readSources(root: string, folders: readonly string[]): Sources {
  const sources = new Map<string, string>();
  const present = readdirSync(root);
  for (const folder of folders) {
    if (!present.includes(folder)) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
      const file = join(entry.parentPath, entry.name);
      sources.set(relative(root, file).split(sep).join("/"), readFileSync(file, "utf8"));
    }
  }
  return sources;
}

/** All imports of one file, types included. */
export function importsOf(text: string): readonly Import[] {
  const { code, strings } = mask(text);
  const imports: Import[] = [];
  const add = (index: string | undefined, value: boolean): void => {
    const specifier = strings[Number(index)];
    if (specifier !== undefined) imports.push({ specifier, value });
  };
  // `import { type A } from` counts as a value: under verbatimModuleSyntax the import itself stays.
  for (const match of code.matchAll(
    /\b(?:import|export)\b(\s+type\b(?!\s*(?:,|from\b)))?\s*[\w$*{},\s]+?\bfrom\s*"(\d+)"/g,
  )) {
    add(match[2], match[1] === undefined);
  }
  for (const match of code.matchAll(/\bimport\s*"(\d+)"/g)) add(match[1], true);
  for (const match of code.matchAll(/(\btypeof\s+)?\bimport\s*\(\s*"(\d+)"[^)]*\)(\s*\.\s*[A-Z])?/g)) {
    add(match[2], match[1] === undefined && match[3] === undefined);
  }
  return imports;
}

/** The path of the source that a relative specifier in `from` names. */
export function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, ".ts");
}

/** The text without its comments, each string literal replaced by `"n"`, n being its place in `strings`. */
export function mask(text: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  // The braces open in each `${ … }` we are inside of: at 0, a closing one ends the substitution.
  const substitutions: number[] = [];
  let code = "";
  let at = 0;

  const templatePart = (): void => {
    while (at < text.length && text[at] !== "`") {
      if (text.startsWith("${", at)) {
        at += 2;
        code += "(";
        substitutions.push(0);
        return;
      }
      at += text[at] === "\\" ? 2 : 1;
    }
    at += 1;
  };

  while (at < text.length) {
    const char = text[at] as string;
    if (text.startsWith("//", at)) {
      at = endOf(text, "\n", at);
    } else if (text.startsWith("/*", at)) {
      at = endOf(text, "*/", at + 2) + 2;
      code += " ";
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(text, at);
      code += `"${strings.length}"`;
      strings.push(text.slice(at + 1, end));
      at = end + 1;
    } else if (char === "`") {
      code += '""';
      at += 1;
      templatePart();
    } else if (char === "/" && startsRegex(code)) {
      at = endOfRegex(text, at);
      code += "/r/";
    } else if (char === "}" && substitutions.at(-1) === 0) {
      substitutions.pop();
      code += ")";
      at += 1;
      templatePart();
    } else {
      const depth = substitutions.length - 1;
      if (depth >= 0 && char === "{") substitutions[depth] = (substitutions[depth] as number) + 1;
      if (depth >= 0 && char === "}") substitutions[depth] = (substitutions[depth] as number) - 1;
      code += char;
      at += 1;
    }
  }
  return { code, strings };
}

/** A slash divides after a value; after an operator, an opening bracket or one of a few words it opens a regex. */
function startsRegex(before: string): boolean {
  return /(^|[=(,:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|await|yield))\s*$/.test(before.slice(-20));
}

function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found === -1 ? text.length : found;
}

function endOfQuoted(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start] && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at;
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== "\n" && (inClass || text[at] !== "/")) {
    if (text[at] === "[") inClass = true;
    if (text[at] === "]") inClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}
