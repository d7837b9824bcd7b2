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

/// The rules of one source, each by its folder.
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

mod aws;
mod azure;
mod gcp;
mod github;
mod google_workspace;
mod kubernetes;
mod m365;
mod mcp;
mod okta;

const SOURCES: &[&[Rule]] = &[
    aws::RULES,
    azure::RULES,
    gcp::RULES,
    github::RULES,
    google_workspace::RULES,
    kubernetes::RULES,
    m365::RULES,
    mcp::RULES,
    okta::RULES,
];

const COUNT: usize = {
    let (mut count, mut source) = (0, 0);
    while source < SOURCES.len() {
        count += SOURCES[source].len();
        source += 1;
    }
    count
};

static JOINED: [Rule; COUNT] = {
    let mut joined = [Rule { name: "", text: "", positive: "", negative: "" }; COUNT];
    let (mut next, mut source) = (0, 0);
    while source < SOURCES.len() {
        let mut index = 0;
        while index < SOURCES[source].len() {
            joined[next] = SOURCES[source][index];
            next += 1;
            index += 1;
        }
        source += 1;
    }
    joined
};

/// Every rule, by source and name. A test compares the list with the folders.
pub const ALL: &[Rule] = &JOINED;
