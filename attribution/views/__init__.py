"""Pages of attribution."""

from attribution.views.campaigns import campaign_list
from attribution.views.evidence import evidence_shown
from attribution.views.fraud import fraud_list, fraud_share, fraud_unshare
from attribution.views.fraud_flags import fraud_dismiss, fraud_flag, fraud_restore
from attribution.views.fraud_rules import fraud_effect, fraud_rule
from attribution.views.installs import decision_detail, install_list
from attribution.views.link_forms import link_check, link_create, link_edit, link_import
from attribution.views.links import link_archive, link_detail, link_list, link_restore
from attribution.views.overview import overview
from attribution.views.pivot import campaign_pivot
from attribution.views.secrets import secret_create, secret_list, secret_revoke

__all__ = [
    "campaign_list",
    "campaign_pivot",
    "decision_detail",
    "evidence_shown",
    "fraud_dismiss",
    "fraud_effect",
    "fraud_flag",
    "fraud_list",
    "fraud_restore",
    "fraud_rule",
    "fraud_share",
    "fraud_unshare",
    "install_list",
    "link_archive",
    "link_check",
    "link_create",
    "link_detail",
    "link_edit",
    "link_import",
    "link_list",
    "link_restore",
    "overview",
    "secret_create",
    "secret_list",
    "secret_revoke",
]
