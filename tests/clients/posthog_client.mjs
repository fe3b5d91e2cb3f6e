// Makes each call once with PostHog's Node client. usage: node posthog_client.mjs HOST KEY [flags|v1]
import { PostHog } from "posthog-node";

const [host, key, asked] = process.argv.slice(2);
if (asked === "v1") process.env.POSTHOG_CAPTURE_MODE = "v1";
const posthog = new PostHog(key, { host, flushAt: 20, fetchRetryDelay: 100 });
const failures = [];
posthog.on("error", (error) => failures.push(error));

const distinctId = "ada";
const timestamp = new Date("2026-03-01T12:30:00Z");
posthog.identify({ distinctId, properties: { $set: { email: "ada@example.com" }, $set_once: { first: "tiktok" } } });
posthog.capture({ distinctId, event: "paid", properties: { amount: 39.95 }, timestamp });
posthog.capture({ distinctId, event: "$pageview", properties: { $current_url: "https://shop.example/a" } });
posthog.groupIdentify({ groupType: "company", groupKey: "acme", properties: { seats: 3 }, distinctId });
posthog.alias({ distinctId, alias: "anon-0" });
const flags = asked === "flags" ? await posthog.getAllFlags(distinctId) : {};
await posthog.shutdown(20_000);

console.log(JSON.stringify(flags));
for (const failure of failures) console.error(failure);
process.exitCode = failures.length ? 1 : 0;
