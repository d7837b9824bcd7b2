//! Which room may use which, in the words of the design: `core` stands for every crate in that folder,
//! as `services` and `backends` do for theirs.

/// A room, and what it may use. Nothing else may appear among its dependencies.
pub(crate) type Row = (&'static str, &'static [&'static str]);

/// Pure: input, time and randomness come in as arguments.
const CORE: &[Row] = &[
    ("base", &[]),
    ("crypto", &["base"]),
    ("verify", &["base"]),
    ("events", &["base"]),
    ("graph", &["base"]),
    ("simulate", &["base"]),
    ("fields", &["base", "crypto"]),
    ("ledger", &["base", "verify"]),
    ("detect", &["base", "events"]),
];

/// Each owns its tables, rules and background work. Every service may use `core` besides. Nobody uses
/// `audit`: entries go through `store`.
const SERVICES: &[Row] = &[
    ("store", &[]),
    ("stream", &[]),
    ("standing", &["store"]),
    ("audit", &["store"]),
    ("lake", &["store"]),
    ("findings", &["store"]),
    ("rulebook", &["store"]),
    ("policy", &["store", "standing"]),
    ("identities", &["store", "standing"]),
    ("keys", &["store", "policy"]),
    ("people", &["store", "policy"]),
    ("datasets", &["store", "policy", "keys"]),
    ("issuer", &["store", "standing", "policy", "keys", "identities"]),
    ("pipeline", &["store", "stream", "lake", "identities", "findings", "rulebook"]),
    ("access", &["store", "identities", "datasets"]),
    (
        "respond",
        &[
            "store",
            "standing",
            "policy",
            "findings",
            "identities",
            "issuer",
            "keys",
            "access",
            "lake",
            "rulebook",
        ],
    ),
];

/// Each implements a port that a service owns.
const BACKENDS: &[&str] = &[
    "kafka",
    "redis",
    "fabric",
    "pkcs11",
    "openbao",
    "objects",
    "aws",
    "kubernetes",
    "github",
    "witness",
    "signals",
];

/// What people and other programs start.
const APPS: &[Row] = &[
    ("api", &["core"]),
    ("server", &["api", "services", "core"]),
    ("gateway", &["api", "services", "core"]),
    ("node", &["server", "gateway", "backends", "services", "core", "rules"]),
    ("nexora", &["node", "api", "rules", "core"]),
    ("console", &[]),
    ("spark", &["core"]),
    ("chaincode", &["core"]),
];

/// Rooms that are a crate of their own at the top.
const ALONE: &[Row] = &[
    ("rules", &[]),
    ("bench", &["apps", "backends", "services", "core", "rules"]),
    ("tests", &["apps", "backends", "services", "core", "rules"]),
];

/// Where a crate stands: its layer and its room, which are the same for `rules`, `bench` and `tests`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) layer: String,
    pub(crate) room: String,
}

impl Place {
    /// From a folder below the root, such as `core/base`.
    pub(crate) fn of(folder: &str) -> Self {
        let (layer, room) = folder.split_once('/').unwrap_or((folder, folder));
        Self { layer: layer.to_owned(), room: room.to_owned() }
    }

    /// Does the design know this room?
    pub(crate) fn is_known(&self) -> bool {
        may_use(self).is_some()
    }
}

/// What a room may use; `None` for a room that the design does not know.
fn may_use(place: &Place) -> Option<Vec<&'static str>> {
    let row = |rows: &[Row]| rows.iter().find(|(room, _)| *room == place.room).map(|(_, uses)| uses.to_vec());
    match place.layer.as_str() {
        "core" => row(CORE),
        "services" => row(SERVICES).map(|uses| [uses, vec!["core"]].concat()),
        "backends" => BACKENDS.contains(&place.room.as_str()).then(|| vec!["services", "core"]),
        "apps" => row(APPS),
        _ if place.layer == place.room => row(ALONE),
        _ => None,
    }
}

/// May `from` depend on `to`?
pub(crate) fn allows(from: &Place, to: &Place) -> bool {
    may_use(from).is_some_and(|uses| {
        // A layer's name stands for all of it, but a room is never its own dependency.
        from != to && uses.iter().any(|word| *word == to.room || (*word == to.layer && to.is_known()))
    })
}

/// May a test in `from` use `to`? Whatever stands in its own layer or to the right of it.
pub(crate) fn allows_in_tests(from: &Place, to: &Place) -> bool {
    const LEFT_TO_RIGHT: [&str; 4] = ["apps", "backends", "services", "core"];
    let position = |place: &Place| LEFT_TO_RIGHT.iter().position(|layer| *layer == place.layer);
    match (position(from), position(to)) {
        (Some(from), Some(to)) => from <= to,
        // Our own detections are data, which any test may read.
        (Some(_), None) => to.layer == "rules",
        (None, Some(_)) => from.layer != "rules" || to.layer == "core",
        (None, None) => to.layer == "rules",
    }
}

#[test]
fn the_table_says_what_the_design_says() {
    let yes = |from: &str, to: &str| assert!(allows(&Place::of(from), &Place::of(to)), "{from} → {to}");
    let no = |from: &str, to: &str| assert!(!allows(&Place::of(from), &Place::of(to)), "{from} → {to}");
    yes("core/ledger", "core/verify");
    no("core/verify", "core/ledger");
    no("core/base", "core/crypto");
    no("core/detect", "services/store");
    yes("services/findings", "core/detect");
    yes("services/respond", "services/issuer");
    no("services/issuer", "services/respond");
    no("services/pipeline", "services/audit");
    no("services/store", "services/stream");
    yes("backends/kafka", "services/stream");
    no("backends/kafka", "apps/api");
    yes("apps/server", "services/audit");
    no("apps/api", "services/policy");
    no("apps/nexora", "services/store");
    yes("apps/nexora", "rules");
    no("apps/server", "apps/node");
    no("rules", "core/detect");
    yes("bench", "apps/node");
    assert!(!Place::of("core/utils").is_known());
    assert!(!Place::of("libs/base").is_known());
}

#[test]
fn the_map_shows_the_table() {
    let page = std::fs::read_to_string(tests::repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let section = page.split("\n## Who may use whom\n").nth(1).expect("a section named Who may use whom");
    let section = section.split("\n## ").next().unwrap_or_default();
    let shown: Vec<String> =
        section.lines().filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect();
    let layers = [("core", CORE), ("services", SERVICES), ("apps", APPS), ("", ALONE)];
    let known: Vec<String> = layers
        .iter()
        .flat_map(|(layer, rows)| rows.iter().map(move |(room, _)| format!("{layer}/{room}")))
        .map(|folder| Place::of(folder.trim_start_matches('/')))
        // These three are no crates of the workspace.
        .filter(|place| !["console", "spark", "chaincode"].contains(&place.room.as_str()))
        .map(|place| {
            let uses = may_use(&place).unwrap_or_default();
            let uses = if uses.is_empty() { "–".to_owned() } else { uses.join(", ") };
            let folder = if place.layer == place.room {
                place.room
            } else {
                format!("{}/{}", place.layer, place.room)
            };
            format!("| {folder} | {uses} |")
        })
        .collect();
    assert_eq!(shown, known, "the table in ARCHITECTURE.md against the one that the test reads");
}

#[test]
fn the_map_shows_every_room_and_no_other() {
    let page = std::fs::read_to_string(tests::repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let map = page.split("\n## Map\n").nth(1).and_then(|rest| rest.split("```").nth(1)).expect("a map");
    let mut layer = "";
    let mut shown = Vec::new();
    for line in map.lines().filter(|line| !line.is_empty()) {
        let Some((folder, _)) = line.trim_start().split_once('/') else { continue };
        match line.starts_with("  ") {
            true => shown.push(format!("{layer}/{folder}")),
            false => {
                layer = folder;
                shown.push(folder.to_owned());
            }
        }
    }
    shown.retain(|folder| !["core", "services", "backends", "apps", "docs"].contains(&folder.as_str()));
    shown.sort();
    let mut built: Vec<String> =
        super::packages::packages().into_iter().map(|package| package.folder).collect();
    built.sort();
    assert_eq!(shown, built, "the map in ARCHITECTURE.md against the workspace");
}
