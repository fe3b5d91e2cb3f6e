// Makes each call once with Segment's Node client. usage: node node_client.mjs HOST KEY [FLUSH_AT]
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, flushAt = "15"] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, flushAt: Number(flushAt), flushInterval: 200 });
const failures = [];
analytics.on("error", (error) => failures.push(error));

const userId = "user-1";
const timestamp = new Date("2026-03-01T12:30:00Z");
analytics.identify({ userId, traits: { email: "ada@example.com", plan: "pro" }, timestamp });
analytics.track({ userId, anonymousId: "anon-1", event: "Order Completed", properties: { revenue: 39.95 }, messageId: "order-1" });
analytics.page({ userId, category: "Docs", name: "Pricing", properties: { title: "Prices — €" } });
analytics.screen({ userId, name: "Home", properties: { tab: 2 } });
analytics.group({ userId, groupId: "acme", traits: { seats: 3 } });
analytics.alias({ userId, previousId: "anon-0" });
await analytics.closeAndFlush({ timeout: 20_000 });

for (const failure of failures) console.error(failure);
process.exitCode = failures.length ? 1 : 0;
