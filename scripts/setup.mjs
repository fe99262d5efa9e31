/**
 * What every command does first: the right Node.js, installed packages, compiled sources. Built-ins only, because this
 * runs before anything is installed. Messages go to stderr, so that what a command prints on stdout is its own.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. Everything runs from there, so `npm --prefix` and a call from a subfolder behave the same. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

const sourceFolders = ["src", "workers", "test", "bench", "examples"];
const distFolder = join(root, "dist");
const buildStamp = join(distFolder, ".build-stamp");
const installStamp = join(root, "node_modules", ".joist-install");
const lockFile = join(root, "package-lock.json");

/** Ends the command with one line that says what is wrong. */
export function fail(message, exitCode = 1) {
  console.error(`joist: ${message}`);
  process.exit(exitCode);
}

/** Exits with one line on a Node.js older than `engines` allows: better than a syntax error from the middle of a file. */
export function ensureNodeVersion() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const numbers = (text) => (text.match(/\d+/g) ?? []).map(Number);
  const [neededMajor = 0, neededMinor = 0] = numbers(engines.node);
  const [major = 0, minor = 0] = numbers(process.versions.node);
  if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
    fail(`Node.js ${neededMajor}.${neededMinor} or newer is needed; this is ${process.versions.node}.`);
  }
}

/**
 * Runs `npm ci` if and only if node_modules is missing or does not match package-lock.json. The stamp holds the lock
 * file's hash and Node.js's major version, as native add-ons are built for one major.
 */
export function ensureInstalled() {
  ensureNodeVersion();
  if (!existsSync(lockFile)) fail("package-lock.json is missing; restore it from the repository.");
  const lockText = readFileSync(lockFile, "utf8");
  const major = process.versions.node.split(".")[0];
  const wanted = `${sha256(lockText)} node-${major}\n`;
  const found = readIfExists(installStamp);
  if (found === wanted) return;

  const sameMajor = found === undefined || found.endsWith(` node-${major}\n`);
  if (!(sameMajor && installedMatches(lockText))) {
    console.error("joist: installing dependencies (npm ci)");
    // --include=dev: the compiler is needed even where NODE_ENV says production.
    const code = runNpm(["ci", "--include=dev", "--no-audit", "--no-fund"]);
    if (code !== 0) fail(`npm ci failed with exit code ${code}; its reason is above.`, code);
  }
  writeFileSync(installStamp, wanted);
}

/**
 * True if an install that was not ours (`npm install` by hand) left exactly what the lock file asks for; npm writes what
 * it installed into node_modules/.package-lock.json. Only optional packages, those of other platforms, may be missing.
 */
function installedMatches(lockText) {
  const hidden = readIfExists(join(root, "node_modules", ".package-lock.json"));
  if (hidden === undefined) return false;
  const wanted = JSON.parse(lockText).packages ?? {};
  const installed = JSON.parse(hidden).packages ?? {};
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const actual = installed[path];
    if (actual === undefined) return entry.optional === true;
    return actual.version === entry.version && actual.integrity === entry.integrity && existsSync(join(root, path));
  });
}

/**
 * Compiles if anything that goes into the build has changed since the last good one; otherwise costs some `stat` calls.
 *
 * @param keepGoing - Type errors are printed, but do not end the command; the outputs may then be of no use.
 */
export function ensureBuilt({ keepGoing = false } = {}) {
  ensureInstalled();
  if (readIfExists(buildStamp) === inputsHash()) return;
  withBuildLock(() => {
    // Hashed before compiling: a file saved meanwhile makes the next command compile again.
    const hash = inputsHash();
    if (readIfExists(buildStamp) === hash) return;
    console.error("joist: compiling");
    // Gone until the build is good: a change that fails and is taken back would find the old stamp, and its own outputs.
    rmSync(buildStamp, { force: true });
    removeStaleOutputs();
    // The second pass only repeats the first one's errors if there were any.
    const code = runTsc(["-p", "tsconfig.json"]) || runTsc(["-p", "tsconfig.src.json"]);
    if (code === 0) {
      mkdirSync(distFolder, { recursive: true });
      writeFileSync(buildStamp, hash);
    } else if (keepGoing) {
      console.error("joist: the sources do not compile cleanly; going on because of --keep-going.");
    } else {
      releaseBuildLock();
      fail("the sources do not compile; the errors are above.", code);
    }
  });
}

/** Deletes dist, so that the next build starts from nothing. */
export function removeBuild() {
  rmSync(distFolder, { recursive: true, force: true });
}

/** Runs the TypeScript compiler at the repository's root and returns its exit code. */
export function runTsc(args) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  return exitCodeOf(
    spawnSync(process.execPath, [compiler, ...args], { cwd: root, stdio: ["ignore", "inherit", "inherit"] }),
  );
}

/** Runs npm and returns its exit code. What it prints goes to stderr, see above. */
export function runNpm(args, { cwd = root, env = process.env } = {}) {
  // npm is a script with an extension on Windows, which only a shell finds.
  const shell = process.platform === "win32";
  return exitCodeOf(spawnSync("npm", args, { cwd, env, shell, stdio: ["ignore", 2, 2] }));
}

/** Runs Node.js at the repository's root with our stdout and stderr, passes signals on, and resolves to its exit code. */
export function runNode(args, { env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
    const signals = ["SIGINT", "SIGTERM"];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    child.on("exit", (status, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(exitCodeOf({ status, signal }));
    });
  });
}

/**
 * The compiled files under `dist/<folder>` whose name ends in `suffix`, relative to the root, that hold one of the
 * filters in their path (all of them if there is no filter). Ends the command if there are none.
 */
export function compiledFiles(folder, suffix, filters) {
  const all = listFiles(join(distFolder, folder))
    .filter((file) => file.endsWith(suffix))
    .map((file) => relative(root, file))
    .sort();
  if (all.length === 0) fail(`there is no ${folder}/**/*${suffix.replace(/js$/, "ts")} yet.`);
  // Matched below dist, so that the filter "dist" does not mean everything; with / on every platform; and without the
  // extension, so that the name of a source finds its output.
  const wanted = filters.map((filter) =>
    posix(filter)
      .replace(/^\.\//, "")
      .replace(/\.[tj]s$/, "."),
  );
  const selected = all.filter(
    (file) => wanted.length === 0 || wanted.some((part) => posix(file).slice("dist/".length).includes(part)),
  );
  if (selected.length === 0) {
    fail(`no file in ${folder}/ matches ${filters.map((filter) => JSON.stringify(filter)).join(" or ")}.`);
  }
  return selected;
}

/** Splits a command's arguments into `--flags` and the rest. */
export function splitArguments(args) {
  const isFlag = (argument) => argument.startsWith("--");
  return { flags: args.filter(isFlag), filters: args.filter((argument) => !isFlag(argument)) };
}

/** Every file under `folder`, as absolute paths; empty if there is no such folder. */
export function listFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

/** `path` with forward slashes, as file names are written in messages and configuration. */
export function posix(path) {
  return path.split(sep).join("/");
}

/** Path, size and time of every compiled source, and all that says how to compile them. */
function inputsHash() {
  const hash = createHash("sha256");
  const configuration = ["tsconfig.json", "tsconfig.src.json", "package.json", "package-lock.json"];
  for (const file of configuration) hash.update(readIfExists(join(root, file)) ?? "");
  for (const folder of sourceFolders) {
    for (const file of listFiles(join(root, folder)).sort()) {
      if (!file.endsWith(".ts")) continue;
      // An editor may delete a temporary file between the listing and this line.
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat !== undefined) hash.update(`${relative(root, file)}\0${stat.size}\0${stat.mtimeMs}\n`);
    }
  }
  return hash.digest("hex");
}

/** The compiler never deletes: without this, the test of a deleted source would go on running. */
function removeStaleOutputs() {
  for (const folder of sourceFolders) {
    for (const output of listFiles(join(distFolder, folder))) {
      const source = join(root, relative(distFolder, output)).replace(/(\.js|\.js\.map|\.d\.ts)$/, ".ts");
      if (existsSync(source)) continue;
      rmSync(output, { force: true });
      removeEmptyFolders(dirname(output));
    }
  }
}

function removeEmptyFolders(folder) {
  if (folder === distFolder || readdirSync(folder).length > 0) return;
  rmdirSync(folder);
  removeEmptyFolders(dirname(folder));
}

// Two commands compiling at once could leave an old output behind a new .tsbuildinfo, where it would stay.
const buildLock = join(root, "node_modules", ".joist-build-lock");
const buildLockTimeoutMs = 180_000;

function withBuildLock(work) {
  const giveUpAtMs = Date.now() + buildLockTimeoutMs;
  while (!acquireBuildLock()) {
    if (Date.now() > giveUpAtMs) fail(`another command has been compiling for too long; is ${buildLock} left over?`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  try {
    work();
  } finally {
    releaseBuildLock();
  }
}

function acquireBuildLock() {
  try {
    writeFileSync(buildLock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const owner = Number(readIfExists(buildLock));
    // 0: not written yet, or just released. A dead owner was interrupted while compiling.
    if (owner > 0 && !isAlive(owner)) releaseBuildLock();
    return false;
  }
}

function releaseBuildLock() {
  try {
    unlinkSync(buildLock);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** An exit code, as a shell gives it: 128 and the signal's number for a process that a signal ended. */
function exitCodeOf({ status, signal, error }) {
  if (error !== undefined) {
    console.error(`joist: ${error.message}`);
    return 1;
  }
  return status ?? 128 + (constants.signals[signal] ?? 0);
}

function readIfExists(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}
