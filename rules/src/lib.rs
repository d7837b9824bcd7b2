//! Our detections as embedded text: Sigma rules, each with the events it must match and those it must not.
//!
//! Nothing here parses or judges. `node` and the command line hand the text to `detect`, which never sees
//! a path. How a rule is written, and what its files hold, is in this folder's `README.md`.
#![forbid(unsafe_code)]

/// One rule with its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its folder, such as `aws/cloudtrail-stopped`.
    pub name: &'static str,
    /// `rule.yml`: Sigma.
    pub text: &'static str,
    /// `positive.ndjson`: events it must match, one a line.
    pub positive: &'static str,
    /// `negative.ndjson`: events it must not match, one a line.
    pub negative: &'static str,
}

macro_rules! rules {
    ($($name:literal,)*) => {
        &[$(Rule {
            name: $name,
            text: include_str!(concat!("../", $name, "/rule.yml")),
            positive: include_str!(concat!("../", $name, "/positive.ndjson")),
            negative: include_str!(concat!("../", $name, "/negative.ndjson")),
        },)*]
    };
}

/// Every rule, by name. A test compares the list with the folders.
pub const ALL: &[Rule] = rules![
    "aws/access-key-for-another-user",
    "aws/admin-policy-on-role-or-group",
    "aws/admin-policy-on-user",
    "aws/admin-port-opened",
    "aws/backups-destroyed",
    "aws/bucket-opened",
    "aws/bucket-recovery-removed",
    "aws/certificate-trust-anchor-added",
    "aws/cloudtrail-selectors-narrowed",
    "aws/cloudtrail-stopped",
    "aws/cloudtrail-weakened",
    "aws/config-recording-stopped",
    "aws/console-password-created",
    "aws/console-password-of-another-user",
    "aws/data-exported",
    "aws/database-deleted",
    "aws/database-password-reset",
    "aws/dns-query-logs-removed",
    "aws/encryption-key-destroyed",
    "aws/federation-token-from-key",
    "aws/federation-trust-changed",
    "aws/flow-logs-deleted",
    "aws/function-layer-attached",
    "aws/function-opened",
    "aws/guardduty-blinded",
    "aws/guardduty-disabled",
    "aws/identity-inventory-dumped",
    "aws/instance-changes-identities",
    "aws/large-machines-launched",
    "aws/leaked-key-quarantine-lifted",
    "aws/leaked-key-quarantined",
    "aws/log-delivery-cut",
    "aws/login-key-pushed",
    "aws/mail-sending-probed",
    "aws/metadata-protection-lowered",
    "aws/mfa-removed",
    "aws/model-access-enabled",
    "aws/model-oversight-removed",
    "aws/network-protection-removed",
    "aws/objects-reencrypted-with-own-key",
    "aws/organization-guardrail-removed",
    "aws/organization-left",
    "aws/parameters-decrypted-by-user",
    "aws/permissions-boundary-removed",
    "aws/policy-grants-everything",
    "aws/policy-version-switched",
    "aws/public-access-guard-removed",
    "aws/remote-command",
    "aws/role-created-for-foreign-account",
    "aws/role-policy-grants-everything",
    "aws/role-trust-everyone",
    "aws/role-trust-foreign-account",
    "aws/role-trust-mixed-accounts",
    "aws/root-access-key",
    "aws/secrets-read-in-bulk",
    "aws/security-services-disabled",
    "aws/snapshot-made-public",
    "aws/snapshot-shared",
    "aws/startup-script-changed",
    "aws/startup-script-read",
    "aws/user-created",
    "aws/windows-password-read",
];
