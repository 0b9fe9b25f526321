/** The code sections: the text of the very modules that run here, fetched when opened. */
export function showSnippets() {
  for (const details of document.querySelectorAll("[data-snippet]")) {
    details.addEventListener("toggle", () => show(details), { once: true });
  }
}

async function show(details) {
  const snippet = document.querySelector("#snippet").content.cloneNode(true);
  const button = snippet.querySelector("button");
  const code = snippet.querySelector("code");
  details.append(snippet);
  const response = await fetch(new URL(details.dataset.snippet, import.meta.url));
  const text = await response.text();
  code.textContent = text;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
