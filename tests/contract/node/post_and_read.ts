// Posts a visit and a denial of it, and reads the event and a timeline back, by types made from the document.
import createClient from "openapi-fetch";
import type { components, paths } from "./timeline.js";

declare const process: { env: Record<string, string | undefined>; exitCode?: number };

type Posted = paths["/v1/events"]["post"]["requestBody"]["content"]["application/json"];
type Standing = NonNullable<components["schemas"]["Entry"]["standing"]>;

const client = createClient<paths>({
  baseUrl: process.env.TIMELINE_URL,
  headers: { Authorization: `Bearer ${process.env.TIMELINE_TOKEN}` },
});

// The tag alone tells which fields there are: of a denial `of`, of a visit its `participants`.
function named(post: Posted): string {
  switch (post.kind) {
    case "denial":
      return `denial of ${post.of.length}`;
    case "visit":
      return `visit of ${post.participants?.length ?? 0}`;
    default:
      return post.kind;
  }
}

async function post(body: Posted): Promise<string> {
  const { data, error, response } = await client.POST("/v1/events", { body });
  if (error) throw new Error(`${named(body)}: ${error.title}`);
  if (!("position" in data)) throw new Error(`${response.status}: nothing was recorded`);
  return data.id;
}

// An answer comes in several formats; without asking for another it is JSON.
function json<T>(data: T): Exclude<T, string> {
  if (typeof data === "string") throw new Error("this is no JSON");
  return data as Exclude<T, string>;
}

const visit: Posted = {
  kind: "visit",
  title: "Haftar travels to Ankara",
  occurred: "early June 2019",
  source: "unattributed",
  participants: ["haftar", { actor: "russia", role: "host" }],
};
const id = await post(visit);
const denial: Posted = { kind: "denial", of: [id], source: "white-house-source", occurred: "7 June 2019" };
await post(denial);

const event = await client.GET("/v1/events/{event}", { params: { path: { event: id } } });
if (event.error) throw new Error(event.error.detail);
const timeline = await client.GET("/v1/timelines/actors/{actor}", {
  params: { path: { actor: "haftar" }, query: { kind: ["visit"], from: "2019-06-01" } },
});
if (timeline.error) throw new Error(timeline.error.detail);
const entry = json(timeline.data).entries.find((each) => each.id === id);
const standing: Standing | null | undefined = entry?.standing;

const refused = await client.POST("/v1/events", { body: { ...visit, source: "nobody of that name" } });

console.log(
  JSON.stringify({
    posted: [named(visit), named(denial)],
    sides: json(event.data).voices.map((each) => each.side),
    week: entry?.occurred.week,
    standing,
    refused: refused.error?.errors?.map((each) => each.pointer),
  }),
);
