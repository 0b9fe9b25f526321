// Signs up and in, publishes an artwork with a picture, and walks through the ads page by page.
//
//   npm run example -- http://127.0.0.1:8000 photo.jpg
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema.js";

type Ad = components["schemas"]["Ad"];
type ArtWork = components["schemas"]["ArtWork"];
type Client = ReturnType<typeof createClient<paths>>;

/** The answer's body; an answer that is none (4xx, 5xx) becomes an exception with the API's own words. */
function answered<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) throw new Error(`${response.status} ${response.url}: ${JSON.stringify(error)}`);
  return data;
}

/** Signs up, then in; from there on the client sends the access token with every request. */
async function signedIn(client: Client, username: string): Promise<Client> {
  const email = `${username}@example.com`;
  const password = "SecurePassword123";
  const { user } = answered(
    await client.POST("/api/auth/signup/", { body: { email, username, password, password2: password } }),
  );
  const { access } = answered(await client.POST("/api/auth/login/", { body: { email, password } }));
  client.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${access}`);
      return request;
    },
  });
  console.log(`signed in as ${user.username}, number ${user.id}`);
  return client;
}

/** Publishes an artwork. Sent twice with one key it is published once. */
async function publish(client: Client, picture: File): Promise<ArtWork> {
  return answered(
    await client.POST("/api/artworks/", {
      headers: { "Idempotency-Key": crypto.randomUUID() },
      body: { title: "Mountain Landscape", tags: "landscape,mountains", image: picture },
      bodySerializer(fields) {
        const form = new FormData();
        for (const [name, value] of Object.entries(fields ?? {})) form.append(name, value ?? "");
        return form;
      },
    }),
  );
}

/** Every ad, cheapest first: as long as an answer's Link header names a next page, its cursor asks for that. */
async function* allAds(client: Client): AsyncGenerator<Ad> {
  let cursor: string | undefined;
  do {
    const query = { ordering: "price", limit: 2, ...(cursor === undefined ? {} : { cursor }) } as const;
    const page = await client.GET("/api/ads/", { params: { query } });
    yield* answered(page);
    const next = page.response.headers.get("Link")?.match(/<([^>]+)>; rel="next"/)?.[1];
    cursor = next ? (new URL(next).searchParams.get("cursor") ?? undefined) : undefined;
  } while (cursor !== undefined);
}

const [site = "http://127.0.0.1:8000", photo] = process.argv.slice(2);
const client = await signedIn(createClient<paths>({ baseUrl: site }), `visitor-${Date.now()}`);
if (photo !== undefined) {
  const artwork = await publish(client, new File([new Uint8Array(await readFile(photo))], basename(photo)));
  console.log(`artwork ${artwork.id} shows ${artwork.image_display_url}, ${artwork.media?.width ?? "?"} pixels wide`);
}
for await (const ad of allAds(client)) console.log(`${ad.price}  ${ad.title}  ${ad.images.length} images`);
