//! Tool calls of AI agents.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![
    "mcp/agent-without-guardrails-started",
    "mcp/answer-gives-orders",
    "mcp/command-injected",
    "mcp/container-left",
    "mcp/credentials-read",
    "mcp/data-sent-out",
    "mcp/downloaded-code-run",
    "mcp/everything-deleted",
    "mcp/identity-made-by-agent",
    "mcp/machine-identity-asked",
    "mcp/own-limits-rewritten",
    "mcp/path-climbed-out",
    "mcp/query-leaves-database",
    "mcp/read-only-claim-broken",
    "mcp/secret-in-answer",
    "mcp/secret-in-arguments",
    "mcp/secrets-fetched-by-command",
    "mcp/server-asks-for-other-contexts",
    "mcp/server-asks-for-secrets",
    "mcp/server-in-plain-text",
    "mcp/settings-with-secrets-read",
    "mcp/shell-opened-to-outside",
    "mcp/tool-description-poisoned",
    "mcp/tools-changed-in-session",
    "mcp/traces-removed",
    "mcp/unauthenticated-agent-acts",
    "mcp/unproven-delegation",
    "mcp/way-back-left",
];
