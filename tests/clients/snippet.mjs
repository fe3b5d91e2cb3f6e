// Prints Segment's official browser snippet with only the host changed. usage: node snippet.mjs URL KEY [LOAD OPTIONS]
import snippet from "@segment/snippet";

const [url, apiKey, load] = process.argv.slice(2);
const [scheme, host] = url.split("://");
const official = snippet.min({ host, apiKey, load: load ? JSON.parse(load) : true, page: true });
console.log(official.replace(`https://${host}`, `${scheme}://${host}`));
