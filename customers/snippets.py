"""The install guide's code: the clients people have already, pointed at this installation with their own write key."""

from typing import NamedTuple

from customers.models import Project

WEB = "Browser"
ORDER = {
    Project.Platform.WEB: [WEB, "npm", "curl", "Python", "Node", "Swift", "Kotlin"],
    Project.Platform.IOS: ["Swift", "curl", "Python", "Node", WEB, "npm", "Kotlin"],
    Project.Platform.ANDROID: ["Kotlin", "curl", "Python", "Node", WEB, "npm", "Swift"],
    Project.Platform.MULTI: ["curl", WEB, "npm", "Python", "Node", "Swift", "Kotlin"],
}

CODE = {
    "curl": """
curl HOST/v1/track \\
  -u KEY: \\
  -H "Content-Type: application/json" \\
  -d '{"userId": "user-1", "event": "Signed Up", "properties": {"plan": "pro"}}'
""",
    WEB: """
<script>
  window.analytics = window.analytics || [];
  analytics._writeKey = "KEY";
  analytics._cdn = "HOST";
  ["track", "page", "identify", "group", "alias", "reset"].forEach(function (call) {
    analytics[call] = function () {
      analytics.push([call].concat(Array.from(arguments)));
    };
  });
  analytics.page();
</script>
<script async src="HOST/analytics.js/v1/KEY/analytics.min.js"></script>
""",
    "npm": """
// npm install @segment/analytics-next
import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({ writeKey: "KEY", cdnURL: "HOST" });

analytics.page();
analytics.identify("user-1", { email: "ada@example.com" });
analytics.track("Signed Up", { plan: "pro" });
""",
    "Python": """
# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = "KEY"
analytics.host = "HOST"

analytics.identify("user-1", {"email": "ada@example.com"})
analytics.track("user-1", "Signed Up", {"plan": "pro"})
analytics.flush()
""",
    "Node": """
// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "KEY", host: "HOST" });

analytics.identify({ userId: "user-1", traits: { email: "ada@example.com" } });
analytics.track({ userId: "user-1", event: "Signed Up", properties: { plan: "pro" } });
await analytics.closeAndFlush();
""",
    "Swift": """
// Package: https://github.com/segmentio/analytics-swift
import Segment

let configuration = Configuration(writeKey: "KEY")
    .apiHost("NAME/v1")
    .cdnHost("NAME/v1")
    .trackApplicationLifecycleEvents(true)
let analytics = Analytics(configuration: configuration)

analytics.track(name: "Signed Up", properties: ["plan": "pro"])
""",
    "Kotlin": """
// implementation("com.segment.analytics.kotlin:android:+")
import com.segment.analytics.kotlin.android.Analytics

val analytics = Analytics("KEY", applicationContext) {
    apiHost = "NAME/v1"
    cdnHost = "NAME/v1"
    trackApplicationLifecycleEvents = true
}

analytics.track("Signed Up", buildJsonObject { put("plan", "pro") })
""",
}


class Snippet(NamedTuple):
    language: str
    text: str


def snippets(platform: str, *, host: str, key: str) -> list[Snippet]:
    """Return the code for each client, the one for `platform` first; `host` with its scheme, without a slash."""
    name = host.partition("//")[2]

    def filled(code: str) -> str:
        return code.strip().replace("HOST", host).replace("NAME", name).replace("KEY", key)

    return [Snippet(language, filled(CODE[language])) for language in ORDER[Project.Platform(platform)]]
