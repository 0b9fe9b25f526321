import { completeUpload, fillForm, requestForm, sendForm } from "./html-form.js";
import { explained, inWords } from "./plain-words.js";
import { showResult } from "./results.js";
import { accessToken } from "./session.js";

const form = document.querySelector("#plain");
const input = form.querySelector("input[type=file]");
const status = document.querySelector("#plain-status");
const [send, submit, complete] = ["send", "submit", "complete"].map((name) => document.querySelector(`#plain-${name}`));
let permitted = null; // the API's answer for the file chosen now

/** Makes the section work; each step tells how it went. */
export function showPlainForm() {
  input.addEventListener("change", () => tell(prepare));
  send.addEventListener("click", () => tell(sendAndComplete));
  form.addEventListener("submit", () => (complete.hidden = false));
  complete.addEventListener("click", () => tell(finish));
}

async function tell(step) {
  status.className = "";
  try {
    status.textContent = await step();
  } catch (error) {
    status.className = "problem";
    status.textContent = explained(error);
  }
}

async function prepare() {
  allow(false);
  complete.hidden = true;
  const [file] = input.files;
  if (!file) return "";
  permitted = await requestForm(file, accessToken());
  fillForm(form, permitted);
  showSource();
  allow(true);
  return `Ready: ${file.name}, ${inWords(file.size)}. The form is good until ${clock(permitted.expires_at)}.`;
}

async function sendAndComplete() {
  status.textContent = "Sending…";
  await sendForm(form);
  return finish();
}

async function finish() {
  status.textContent = "Checking…";
  const upload = await completeUpload(permitted.upload_id, accessToken());
  const row = document.querySelector("#row").content.firstElementChild.cloneNode(true);
  row.dataset.state = "complete";
  row.querySelector(".name").textContent = upload.original_filename;
  row.querySelector(".state").textContent = "Uploaded";
  for (const unused of row.querySelectorAll("progress, [data-do]:not([data-do=artwork])")) unused.remove();
  showResult(row, upload);
  document.querySelector("#plain-list").prepend(row);
  allow(false);
  complete.hidden = true;
  form.reset();
  return `${upload.original_filename} is uploaded.`;
}

function allow(allowed) {
  send.disabled = submit.disabled = !allowed;
}

function showSource() {
  const details = document.querySelector("#plain-source");
  const fields = Array.from(form.querySelectorAll("input[type=hidden]"), (field) => `  ${field.outerHTML}`);
  const opening = `<form action="${form.action}" method="post" enctype="multipart/form-data">`;
  const closing = ['  <input type="file" name="file">', '  <button type="submit">Upload</button>', "</form>"];
  details.querySelector("code").textContent = [opening, ...fields, ...closing].join("\n");
  details.hidden = false;
}

function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
