/**
 * Uppy's S3 uploader calls fetch() without an Authorization header. From now on calls below `endpoint` carry one, and
 * an answer that refuses is thrown as an error that says why in the API's own words. No other call is touched.
 */
export function addToken(endpoint, accessToken) {
  const plainFetch = globalThis.fetch;
  const ours = new URL(`${endpoint}/`, location.href).href;
  globalThis.fetch = async (resource, options) => {
    const url = new URL(resource.url ?? resource, location.href).href;
    if (!url.startsWith(ours)) return plainFetch(resource, options);
    const request = new Request(resource, options);
    request.headers.set("Authorization", `Bearer ${accessToken()}`);
    const response = await plainFetch(request);
    const fromStore = response.headers.get("Content-Type")?.includes("xml"); // without S3 the store is below it too
    if (response.ok || fromStore) return response;
    throw await refusal(response);
  };
}

/** The error of an API answer: its message is a sentence; `status` and `code` are for programs. */
export async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  const sentence = body.detail ?? body.error ?? Object.values(body).flat(2).join(" ");
  const ended = body.code === "token_not_valid" && "Your sign-in has ended. Sign in again, then press Retry.";
  const message = ended || sentence || `The server answered ${response.status}. Try again in a moment.`;
  return Object.assign(new Error(message), { status: response.status, code: body.code });
}
