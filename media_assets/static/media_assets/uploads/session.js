import { lost } from "./plain-words.js";
import { refusal } from "./uppy-with-token.js";

const KEPT = "vitrine-uploads"; // in sessionStorage: gone with the tab

let session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

export const accessToken = () => session?.access ?? "";
export const signedInAs = () => session?.email ?? "";

export async function signIn(email, password) {
  const { access } = await call("/api/auth/login/", { email, password });
  session = { email, access };
  sessionStorage.setItem(KEPT, JSON.stringify(session));
}

export function signOut() {
  session = null;
  sessionStorage.removeItem(KEPT);
}

/** The JSON that the API answers: a POST where there is a body, else a GET. */
export async function call(path, body) {
  const headers = accessToken() ? { Authorization: `Bearer ${accessToken()}` } : {};
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { ...sent, headers }).catch(lost);
  if (!response.ok) throw await refusal(response);
  return response.json();
}
