// Copies Uppy's own files to where the page reads them; with --check: says whether they are equal instead.
import { copyFileSync, readFileSync } from "node:fs";
import { basename } from "node:path";

const PACKAGE = new URL("node_modules/uppy/", import.meta.url);
const SERVED = new URL("../../media_assets/static/media_assets/vendor/uppy/", import.meta.url);
const FILES = ["dist/uppy.min.mjs", "LICENSE"];

const { version } = JSON.parse(readFileSync(new URL("package.json", PACKAGE)));
const stale = [];
for (const file of FILES) {
  const [from, to] = [new URL(file, PACKAGE), new URL(basename(file), SERVED)];
  if (!process.argv.includes("--check")) copyFileSync(from, to);
  else if (!readFileSync(from).equals(readFileSync(to))) stale.push(basename(file));
}
const readme = readFileSync(new URL("README.md", SERVED), "utf8");
if (!readme.includes(`Uppy ${version},`)) stale.push("README.md (the version)");
if (stale.length) {
  console.error(`Not Uppy ${version}: ${stale.join(", ")}. Run: make vendor`);
  process.exit(1);
}
console.log(`Uppy ${version}`);
