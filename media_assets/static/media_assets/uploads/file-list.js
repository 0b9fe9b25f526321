import { inWords } from "./plain-words.js";
import { showResult } from "./results.js";
import { createUppy, resume } from "./uppy-uploads.js";

const OFFLINE = "Connection lost. It goes on by itself when you are online again.";
const find = (selector) => document.querySelector(selector);
const rows = new Map(); // file id -> its list item
let uppy;

/** Makes the Uppy section work: files in by choosing or dropping, one row for each. */
export function showFiles(config) {
  const accepted = config.upload_content_types;
  uppy = createUppy({
    config,
    restrictions: { maxFileSize: config.upload_max_size_bytes, minFileSize: 1, allowedFileTypes: accepted },
    locale: { strings: words(config) },
  });
  find("#files").accept = accepted.join(",");
  uppy.on("file-added", addRow);
  uppy.on("file-removed", (file) => {
    rows.get(file.id)?.remove();
    rows.delete(file.id);
    showOverall();
  });
  uppy.on("restriction-failed", (file, error) => refuse(`${file.name}: ${error.message}`));
  uppy.on("upload-progress", (file) => showRow(file.id, true));
  uppy.on("upload-pause", (file) => showRow(file.id));
  uppy.on("upload-success", (file) => showRow(file.id));
  uppy.on("upload-error", (file) => file && showRow(file.id) && tell(`${file.name}: ${uppy.getFile(file.id).error}`));
  uppy.on("upload-complete", (file, upload) => {
    showRow(file.id);
    showResult(rows.get(file.id), upload);
    tell(`${file.name} is uploaded.`);
  });
  uppy.on("upload-retry", (file) => showRow(file.id));
  for (const event of ["offline", "online"]) addEventListener(event, () => rows.forEach((row, id) => showRow(id)));
  find("#files").addEventListener("change", ({ target }) => {
    add(target.files);
    target.value = "";
  });
  acceptDrops(find("#drop"));
  find("#overall").addEventListener("click", ({ target }) => allActions[target.dataset.all]?.());
  find("#list").addEventListener("click", ({ target }) => {
    const row = target.closest(".row");
    actions[target.dataset.do]?.(row.dataset.file);
  });
}

const actions = {
  pause: (id) => uppy.pauseResume(id),
  resume: (id) => (uppy.getFile(id).error ? resume(uppy, id) : uppy.pauseResume(id)),
  cancel: (id) => uppy.removeFile(id),
};
const isRunning = (file) => file.begun && !file.isPaused && !file.error && !file.uploadId;
const isStopped = (file) => file.error || file.isPaused;
const idsOf = (which) => uppy.getFiles().filter(which).map((file) => file.id);
const allActions = {
  pause: () => idsOf(isRunning).forEach(actions.pause),
  resume: () => idsOf(isStopped).forEach(actions.resume),
  cancel: () => uppy.removeFiles(idsOf((file) => !file.upload)),
};

function words(config) {
  const types = config.upload_content_types.join(", ");
  return {
    exceedsSize: `larger than ${inWords(config.upload_max_size_bytes)}, the most that this site takes.`,
    inferiorSize: "an empty file. Choose another.",
    youCanOnlyUploadFileTypes: `this site takes ${types}.`,
    noDuplicates: "it is in the list already.",
  };
}

function add(files) {
  const problem = find("#refused");
  problem.hidden = true;
  problem.replaceChildren();
  uppy.addFiles(Array.from(files, (data) => ({ source: "page", name: data.name, type: data.type, data })));
}

function refuse(sentence) {
  const problem = find("#refused");
  problem.append(Object.assign(document.createElement("p"), { textContent: sentence }));
  problem.hidden = false;
}

function addRow(file) {
  const row = find("#row").content.firstElementChild.cloneNode(true);
  row.dataset.file = file.id;
  row.querySelector(".name").textContent = file.name;
  row.querySelector(".size").textContent = inWords(file.size);
  row.querySelector(".thumb").textContent = file.extension.slice(0, 4).toUpperCase();
  row.querySelector("progress").setAttribute("aria-label", `Upload of ${file.name}`);
  find("#list").append(row);
  rows.set(file.id, row);
  showRow(file.id);
}

function showRow(id, begun = false) {
  const file = uppy.getFile(id);
  const row = rows.get(id);
  if (!file || !row) return false;
  if (begun && !file.begun) uppy.setFileState(id, { begun: true });
  const { state, text } = stateOf(uppy.getFile(id));
  const bar = row.querySelector("progress");
  row.dataset.state = state;
  bar.value = file.progress.percentage ?? 0;
  bar.hidden = state === "complete" || state === "refused";
  row.querySelector(".state").textContent = text;
  label(row, file, "pause", state === "running" && "Pause");
  label(row, file, "resume", { paused: "Resume", lost: "Resume", refused: "Retry" }[state]);
  label(row, file, "cancel", state === "complete" ? "Hide" : "Cancel");
  showOverall();
  return true;
}

function label(row, file, action, text) {
  const button = row.querySelector(`[data-do=${action}]`);
  button.hidden = !text;
  if (text) Object.assign(button, { textContent: text, ariaLabel: `${text} ${file.name}` });
}

/**
 * Where a file stands, with a sentence: `waiting`, `running`, `offline`, `paused`, `checking`, `complete`, `lost` (it
 * goes on where it stopped) or `refused` (it starts anew).
 */
function stateOf(file) {
  const percent = file.progress.percentage ?? 0;
  const paused = file.s3Multipart ? `Paused at ${percent} %` : "Paused; it will start anew";
  if (file.upload) return { state: "complete", text: "Uploaded" };
  if (file.error) return { state: file.lost ? "lost" : "refused", text: file.error };
  if (file.isPaused) return { state: "paused", text: paused };
  if (file.uploadId) return { state: "checking", text: "Checking what arrived…" };
  if (!navigator.onLine) return { state: "offline", text: OFFLINE };
  return file.begun ? { state: "running", text: `${percent} %` } : { state: "waiting", text: "Waiting" };
}

function showOverall() {
  const files = uppy.getFiles();
  const done = files.filter((file) => file.upload).length;
  const stopped = files.filter((file) => file.error).length;
  const total = files.reduce((bytes, { size }) => bytes + size, 0);
  const sent = files.reduce((bytes, { size, progress }) => bytes + (size * (progress.percentage ?? 0)) / 100, 0);
  find("#overall").hidden = files.length === 0;
  find("#overall-bar").value = total ? (100 * sent) / total : 0;
  find("#overall-text").textContent = `${done} of ${files.length} uploaded${stopped ? `, ${stopped} stopped` : ""}`;
  find("[data-all=pause]").disabled = !files.some(isRunning);
  find("[data-all=resume]").disabled = !files.some(isStopped);
  find("[data-all=cancel]").disabled = done === files.length;
}

function acceptDrops(area) {
  const over = (on) => (event) => {
    event.preventDefault();
    area.classList.toggle("over", on && !find("#files").disabled);
  };
  area.addEventListener("dragover", over(true));
  area.addEventListener("dragleave", over(false));
  area.addEventListener("drop", (event) => {
    over(false)(event);
    if (!find("#files").disabled) add(event.dataTransfer.files);
  });
}

function tell(news) {
  find("#news").textContent = news;
}
