// Writes generated/schema.d.ts: the types of every path, request and answer in docs/openapi.json.
import { mkdir, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const { factory } = ts;
const BLOB = factory.createTypeReferenceNode("Blob");
const NULL = factory.createLiteralTypeNode(factory.createNull());

const types = await openapiTS(new URL("../../docs/openapi.json", import.meta.url), {
  // A file that is sent is a Blob to a program; by default the generator says string.
  transform: ({ format, type }) =>
    format === "binary" ? (type?.includes("null") ? factory.createUnionTypeNode([BLOB, NULL]) : BLOB) : undefined,
});
const folder = new URL("generated/", import.meta.url);
await mkdir(folder, { recursive: true });
await writeFile(new URL("schema.d.ts", folder), astToString(types));
