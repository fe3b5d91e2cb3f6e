/* The product measures itself through its own door: one page call a page, without query strings, and none for who asks not to be tracked. */
import { recall, remember } from "./dom.js";

const { writeKey, user } = document.body.dataset;
const refused = navigator.globalPrivacyControl || navigator.doNotTrack === "1" || window.doNotTrack === "1";

/* crypto.randomUUID exists only under https and on localhost. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

function withoutQuery(address) {
  if (!address) return "";
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}

function send() {
  const anonymousId = recall("anonymous_id") || uuid();
  remember("anonymous_id", anonymousId);
  document.cookie = `anonymous_id=${anonymousId}; path=/; max-age=31536000; samesite=lax`;  // so that a sign-up can be joined to it
  const now = new Date().toISOString();
  const place = { path: location.pathname, url: withoutQuery(location.href), referrer: withoutQuery(document.referrer), title: document.title };
  const call = {
    type: "page", writeKey, messageId: uuid(), anonymousId, ...(user && { userId: user }), timestamp: now, sentAt: now, properties: place,
    context: { page: place, locale: navigator.language, userAgent: navigator.userAgent, library: { name: "growth-platform-pages", version: "1" } },
  };
  navigator.sendBeacon("/v1/p", new Blob([JSON.stringify(call)], { type: "text/plain" }));
}

if (writeKey && !refused) send();
