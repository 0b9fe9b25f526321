import { showFiles } from "./file-list.js";
import { showPlainForm } from "./plain-form.js";
import { inWords } from "./plain-words.js";
import { accessToken, call, signedInAs, signIn, signOut } from "./session.js";
import { showSnippets } from "./snippets.js";
import { addToken } from "./uppy-with-token.js";

let ready = false; // once it is known what the site takes
const find = (selector) => document.querySelector(selector);

function showAccount() {
  const email = signedInAs();
  find("#sign-in").hidden = Boolean(email);
  find("#signed-in").hidden = !email;
  find("#signed-in strong").textContent = email;
  for (const input of document.querySelectorAll("input[type=file]")) input.disabled = !(email && ready);
  find("#drop").classList.toggle("off", !(email && ready));
  find(".drop-hint").textContent = email ? "or drop them here" : "after signing in";
}

async function submitSignIn(event) {
  event.preventDefault();
  const form = event.target;
  const problem = form.querySelector(".problem");
  problem.hidden = true;
  try {
    await signIn(form.elements.email.value, form.elements.password.value);
    form.reset();
    showAccount();
    find("#files").focus();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function limits(config) {
  const types = config.upload_content_types.map((type) => type.replace(/^image\//, "").toUpperCase()).join(", ");
  const parts = config.multipart_upload ? "Files above 5 MB go in parts and resume where they stopped." : "";
  return `Up to ${inWords(config.upload_max_size_bytes)} each: ${types}. ${parts}`;
}

addToken("/api/uploads", accessToken);
find("#sign-in").addEventListener("submit", submitSignIn);
find("#signed-in button").addEventListener("click", () => {
  signOut();
  showAccount();
});
showSnippets();
showAccount();
try {
  const config = await call("/api/media/config/");
  find("#limits").textContent = limits(config);
  showFiles(config);
  showPlainForm();
  ready = true;
  showAccount();
} catch (error) {
  find("#limits").textContent = error.message;
}
