import { inWords } from "./plain-words.js";
import { call } from "./session.js";

/** What the row of a completed upload shows: thumbnail, facts, its JSON, and a button that makes an artwork of it. */
export function showResult(row, upload) {
  const { media } = upload;
  row.querySelector(".size").textContent = facts(upload);
  row.querySelector(".json").hidden = false;
  row.querySelector(".json code").textContent = JSON.stringify(upload, null, 2);
  if (!upload.content_type.startsWith("image/")) return;
  const thumbnail = media?.variants?.[0]?.url ?? media?.url;
  if (thumbnail) row.querySelector(".thumb").replaceChildren(Object.assign(new Image(), { src: thumbnail, alt: "" }));
  const button = row.querySelector("[data-do=artwork]");
  button.hidden = false;
  button.setAttribute("aria-label", `Use ${upload.original_filename} as artwork`);
  button.addEventListener("click", () => makeArtwork(button, row.querySelector(".artwork"), upload));
}

function facts({ content_type, size, media }) {
  const pixels = media?.width ? `${media.width}\u00a0×\u00a0${media.height}` : "";
  return [inWords(media?.size ?? size), pixels, media?.content_type ?? content_type].filter(Boolean).join(" · ");
}

async function makeArtwork(button, status, upload) {
  button.disabled = true;
  status.className = "artwork";
  try {
    const title = upload.original_filename.replace(/\.\w+$/, "") || "Untitled";
    const artwork = await call("/api/artworks/", { title, upload_id: upload.upload_id });
    const href = `/api/artworks/${artwork.id}/`;
    const link = Object.assign(document.createElement("a"), { href, textContent: href });
    status.replaceChildren("It is an artwork now: ", link);
    button.hidden = true;
  } catch (error) {
    status.classList.add("problem");
    status.textContent = error.message;
    button.disabled = false;
  }
}
