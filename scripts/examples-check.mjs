/**
 * `npm run check:examples`: an example is an application of somebody who has only the package.
 *
 * 1. It imports nothing but the package's public doors, Node.js, its own dependencies (those of a package.json in its
 *    folder) and files within its own folder.
 * 2. It type-checks against the declarations the package ships. The build checks it against the sources, which cannot
 *    notice a type that gets lost on the way into a .d.ts file.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ensureBuilt, fail, listFiles, posix, root, runTsc } from "./setup.mjs";

ensureBuilt();
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const doors = Object.entries(manifest.exports).filter(([, target]) => typeof target === "object");
const files = listFiles(join(root, "examples")).filter((file) => file.endsWith(".ts"));
if (files.length === 0) fail("there are no examples yet.");

const problems = files.flatMap((file) => importsOf(file).flatMap((name) => problemWith(file, name)));
for (const problem of problems) console.error(problem);
if (problems.length > 0) fail("an example reaches past the package's public doors.");

const configuration = join(root, "dist", ".examples-tsconfig.json");
writeFileSync(
  configuration,
  JSON.stringify({
    extends: "../tsconfig.json",
    compilerOptions: {
      noEmit: true,
      incremental: false,
      tsBuildInfoFile: null,
      paths: Object.fromEntries(
        doors.map(([door, target]) => [posix(join(manifest.name, door)), [posix(join("..", target.types))]]),
      ),
    },
    include: ["../examples/**/*.ts"],
    exclude: [],
  }),
);
const code = runTsc(["-p", configuration]);
if (code !== 0) fail("the examples do not compile against the package's declarations.", code);
console.log(`examples: ${files.length} files use the public package only, and compile against its declarations`);

/** What a file imports, in any form. Comment lines are left out: their code is for reading. */
function importsOf(file) {
  const text = readFileSync(file, "utf8")
    .replace(/^\s*(\/\/|\/?\*).*$/gm, "")
    .replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(/(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*["']([^"']+)["']/g)].map(
    (match) => match[1],
  );
}

function problemWith(file, name) {
  const example = join(root, "examples", relative(join(root, "examples"), file).split(/[\\/]/)[0]);
  const say = (why) => [`${posix(relative(root, file))} imports "${name}": ${why}`];
  if (name.startsWith(".")) {
    const inside = !relative(example, resolve(dirname(file), name)).startsWith("..");
    return inside ? [] : say("outside of the example's folder");
  }
  if (name.startsWith("node:")) return [];
  if (name === manifest.name || name.startsWith(`${manifest.name}/`)) {
    const door = `.${name.slice(manifest.name.length)}`;
    return door in manifest.exports ? [] : say("not one of the package's exports");
  }
  const own = join(example, "package.json");
  const dependencies = existsSync(own) ? (JSON.parse(readFileSync(own, "utf8")).dependencies ?? {}) : {};
  const packageName = name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
  return packageName in dependencies ? [] : say("not a dependency in the example's own package.json");
}
