/** What went wrong, in words for the person who is uploading. */

const LOST = "Connection lost. It goes on by itself when you are online again; or press Resume.";
const EXPIRED = "The permission to send this file has expired. Try again: a fresh one is fetched.";
const CHANGED = "The store refused the file: what was sent is not what was permitted. Start again with a fresh form.";
const BY_CODE = {
  EntityTooLarge: "The file is larger than permitted. Choose a smaller one.",
  EntityTooSmall: "The file is empty or smaller than was declared. Choose it again: it may have changed meanwhile.",
  BadDigest: "The file's content is not what was declared. Choose it again: it may have changed meanwhile.",
  XAmzContentChecksumMismatch: "The file's content is not what was declared. Choose it again.",
  NoSuchUpload: "This upload has ended at the store. Start again.",
  RequestTimeTooSkewed: "The clocks of the server and the store differ too much. Tell whoever runs this site.",
  NoSuchBucket: "The store has no room set up for this site (no such bucket). Tell whoever runs this site.",
  SlowDown: "The store is busy. Try again in a moment.",
  ServiceUnavailable: "The store is busy. Try again in a moment.",
  InternalError: "The store had a failure of its own. Try again in a moment.",
};

/** Which field a policy refused, by what S3, Ceph and our local form write in the message of AccessDenied. */
const BY_FIELD = [
  [/policy expired/i, EXPIRED],
  [/content-type/i, "The file was sent as another type than permitted. Start again with a fresh form."],
  [/checksum/i, "The file's content is not what was declared. Choose it again."],
  [/\bkey\b/i, "The file was to be stored under another name than permitted. Start again with a fresh form."],
];

/** The error of a store's answer: `status`, and the body, which is XML with Code and Message. */
export function refusedByStore(status, xml) {
  const answer = new DOMParser().parseFromString(xml, "application/xml");
  const code = answer.querySelector("Code")?.textContent ?? "";
  const message = answer.querySelector("Message")?.textContent ?? "";
  const field = code === "AccessDenied" && BY_FIELD.find(([pattern]) => pattern.test(message));
  const unknown = status >= 500 ? BY_CODE.InternalError : CHANGED;
  return Object.assign(new Error(field ? field[1] : BY_CODE[code] ?? unknown), { status, code });
}

/** Throws what stands for a request that nobody answered. */
export function lost() {
  throw Object.assign(new Error(LOST), { status: 0 });
}

/** Whether nobody answered, or only for now cannot: the same call may succeed later. */
export function isLost(error) {
  const status = error.request?.status ?? error.status;
  return error instanceof TypeError || status === 0 || status === 429 || status >= 500;
}

/** The sentence for an error of Uppy, of fetch() or of ours. */
export function explained(error) {
  const { request } = error; // the XMLHttpRequest to the store, where Uppy had one
  if (request?.status) return refusedByStore(request.status, request.responseText).message;
  return request || error instanceof TypeError ? LOST : error.message;
}

/** "5.3 MB", of bytes; 1 MB is 1024 × 1024. */
export function inWords(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power && value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ${units[power]}`;
}
