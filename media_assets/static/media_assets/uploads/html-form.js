import { refusal } from "./uppy-with-token.js";
import { lost, refusedByStore } from "./plain-words.js";

/** Ask for a form: `upload_id`, `form_url`, `form_fields` and more, for this one file. */
export async function requestForm(file, accessToken) {
  const response = await fetch("/api/uploads/", {
    method: "POST",
    headers: { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ original_filename: file.name, content_type: file.type, size: file.size }),
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** Put the answer into a form, before its file input: the store reads nothing that comes after the file. */
export function fillForm(form, { form_url, form_fields }) {
  form.action = form_url;
  form.method = "post";
  form.enctype = "multipart/form-data";
  for (const old of form.querySelectorAll("input[type=hidden]")) old.remove();
  for (const [name, value] of Object.entries(form_fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.querySelector("input[type=file]").before(input);
  }
}

/** Send a filled form without leaving the page. Its submit button does the same and shows the store's answer. */
export async function sendForm(form) {
  const response = await fetch(form.action, { method: "POST", body: new FormData(form) }).catch(lost);
  if (!response.ok) throw refusedByStore(response.status, await response.text());
}

/** Have the upload checked. It is an upload only now. */
export async function completeUpload(uploadId, accessToken) {
  const headers = { Authorization: `Bearer ${accessToken}` };
  const response = await fetch(`/api/uploads/${uploadId}/complete/`, { method: "POST", headers });
  if (!response.ok) throw await refusal(response);
  return response.json();
}
