// What types made from the document refuse: each statement after `wrong:` is an error, and nothing else is.
import createClient from "openapi-fetch";
import type { paths } from "./timeline.js";

type Posted = paths["/v1/events"]["post"]["requestBody"]["content"]["application/json"];

const client = createClient<paths>();
const visit = { title: "A visit", occurred: "2019-06", source: "weekly" };

export const good: Posted = { kind: "visit", ...visit };
// wrong: a field that no kind has
export const unknownField: Posted = { kind: "visit", ...visit, surprise: 1 };
// wrong: a field of another kind
export const fieldOfAnother: Posted = { kind: "visit", ...visit, means: "air" };
// wrong: a kind that is none
export const wrongKind: Posted = { kind: "surprise", ...visit };
// wrong: a kind that is posted elsewhere
export const kindOfElsewhere: Posted = { kind: "topic", slug: "libya", name: "Libya" };
// wrong: a denial of nothing
export const missingField: Posted = { kind: "denial", occurred: "7 June 2019", source: "weekly" };
// wrong: a role of another kind
export const wrongRole: Posted = { kind: "visit", ...visit, participants: [{ actor: "haftar", role: "victim" }] };
// wrong: a parameter that the call does not have
await client.GET("/v1/kinds", { params: { query: { limit: 1 } } });
// wrong: a value that the parameter does not have
await client.GET("/v1/timelines/all", { params: { query: { standing: ["surprising"] } } });
// wrong: an address that there is none
await client.GET("/v1/surprises", {});
// wrong: a field that the answer does not have
console.log((await client.GET("/v1/changes", {})).data?.surprises);
