//! Every source: one file each, with its table. A new one is a file here, a line below, and a folder of samples.

pub(crate) mod aws_cloudtrail;
mod azure;
mod cloudevents;
mod gcp_audit;
mod generic;
mod github_audit;
mod google_workspace;
mod kubernetes_audit;
mod m365_audit;
mod mcp;
mod ocsf;
mod okta_system;

use crate::source::Source;

/// The paths by which some sources tell which of their log sources an event is of.
pub(crate) const ROUTED: [&str; 5] = [
    "properties.loggedByService",
    "loggedByService",
    "Workload",
    "id.applicationName",
    "protoPayload.serviceName",
];

/// Every source, in the order in which an event is asked whether it is one of its.
pub(crate) static ALL: [&Source; 19] = [
    &aws_cloudtrail::SOURCE,
    &kubernetes_audit::SOURCE,
    &mcp::SOURCE,
    &ocsf::SOURCE,
    // Before Google Cloud: Workspace shares its logs through it.
    &google_workspace::SOURCE,
    &gcp_audit::SOURCE,
    &okta_system::SOURCE,
    &m365_audit::SOURCE,
    &azure::PIM,
    &azure::RISK,
    &azure::AUDIT,
    &azure::SIGNIN,
    &azure::ACTIVITY,
    &github_audit::SOURCE,
    &cloudevents::SOURCE,
    &generic::JSON,
    &generic::BITBUCKET,
    &generic::DUO,
    &generic::ONELOGIN,
];
