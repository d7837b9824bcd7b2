//! Events of every source that the shared rules are about, as many of each as there are rules for it.
//!
//! The events are the samples of our own rules which these must *not* match (calls of everyday work that look like an
//! attack's: the hardest for a rule engine), and templates here for the sources that we have no rules for. Every number
//! of five digits and more (ids, accounts, moments) is drawn anew for each event, so that no two are the same. Seeded.

use crate::Failure;
use crate::chance::Chance;
use detect::{Pack, RuleText};
use events::{FieldSet, Format, Logsource, Record, Redactor};
use std::path::{Path, PathBuf};

/// One event, and what its source is known to be.
pub(crate) struct Event {
    pub(crate) json: String,
    pub(crate) format: Format,
    pub(crate) source: Logsource,
}

/// The sources without rules of our own.
const TEMPLATES: [(&str, &[&str]); 4] = [
    (
        "bitbucket.audit",
        &[
            r#"{"id":90211,"timestamp":"2026-03-02T08:41:17.120Z","author":{"id":"10473","name":"mara.lindt","type":"normal","uri":"https://git.example.com/users/mara.lindt"},"auditType":{"action":"Repository accessed","actionI18nKey":"bitbucket.service.repository.audit.action.repositoryaccessed","area":"END_USER_ACTIVITY","category":"Repositories","categoryI18nKey":"bitbucket.service.audit.category.repositories","level":"FULL"},"affectedObjects":[{"id":"7731201","name":"SHOP/checkout","type":"REPOSITORY"}],"changedValues":[],"extraAttributes":[{"name":"details","nameI18nKey":"bitbucket.audit.attribute.legacy.details","value":"{\"ref\":\"refs/heads/main\"}"}],"method":"Browser","node":"a81b20c4-7f31-4a6e-9a10-3de5510c7777","source":"198.51.100.23","system":"https://git.example.com"}"#,
            r#"{"id":90212,"timestamp":"2026-03-02T08:42:03.004Z","author":{"id":"20011","name":"build-agent","type":"service","uri":"https://git.example.com/users/build-agent"},"auditType":{"action":"Permission change requested","actionI18nKey":"bitbucket.service.permission.audit.action.requested","area":"PERMISSIONS","category":"Permissions","categoryI18nKey":"bitbucket.service.audit.category.permissions","level":"BASE"},"affectedObjects":[{"id":"55122","name":"SHOP","type":"PROJECT"}],"changedValues":[{"key":"permission","from":"PROJECT_READ","to":"PROJECT_WRITE","i18nKey":"bitbucket.audit.changedvalue.permission"}],"extraAttributes":[],"method":"SSH","node":"a81b20c4-7f31-4a6e-9a10-3de5510c7777","source":"203.0.113.90","system":"https://git.example.com"}"#,
        ],
    ),
    (
        "onelogin.events",
        &[
            r#"{"id":7712455120,"created_at":"2026-03-02T08:00:17.112Z","account_id":99210,"user_id":55123410,"event_type_id":8,"notes":null,"ipaddr":"198.51.100.71","actor_user_id":55123410,"assuming_acting_user_id":null,"role_id":null,"app_id":771201,"group_id":null,"otp_device_id":null,"policy_id":null,"actor_system":"","custom_message":null,"role_name":null,"app_name":"Payroll","group_name":null,"actor_user_name":"Jon Frei","user_name":"Jon Frei","policy_name":null,"otp_device_name":null,"operation_name":null,"directory_sync_run_id":null,"directory_id":null,"resolution":null,"client_id":null,"resource_type_id":null,"error_description":null,"proxy_ip":null,"risk_score":12,"risk_reasons":null,"browser_fingerprint":true}"#,
        ],
    ),
    (
        "cisco.duo",
        &[
            r#"{"action":"admin_login","description":"{\"ip_address\": \"198.51.100.9\", \"device\": \"555-0110\", \"factor\": \"push\", \"primary_auth_method\": \"Password\"}","isotimestamp":"2026-03-02T08:10:00.000000+00:00","object":null,"timestamp":1772439000,"username":"mara.lindt","host":"api-7f3a1b2c.duosecurity.example","eventtype":"administrator"}"#,
        ],
    ),
    (
        "google.workspace",
        &[
            r#"{"kind":"admin#reports#activity","id":{"time":"2026-03-02T08:20:11.512Z","uniqueQualifier":"-772310455120","applicationName":"login","customerId":"C01abcd23"},"etag":"\"x7/55120\"","actor":{"callerType":"USER","email":"jon.frei@example.com","profileId":"104772310455120"},"ipAddress":"203.0.113.61","events":[{"type":"login","name":"login_success","parameters":[{"name":"login_type","value":"google_password"},{"name":"login_challenge_method","multiValue":["password","idv_any_phone"]},{"name":"is_suspicious","boolValue":false}]}]}"#,
        ],
    ),
];

/// Where the shared rules are.
pub(crate) fn shared() -> PathBuf {
    let folder = option_env!("NEXORA_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    folder.join("sigma")
}

/// The texts of all rules below a folder, by path.
pub(crate) fn texts(folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(texts(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// The pack of these rules; all of them load.
pub(crate) fn pack(texts: &[(String, String)]) -> Result<Pack, Failure> {
    let texts: Vec<_> = texts.iter().map(|(path, text)| RuleText { path, text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    match skipped.first() {
        Some(skipped) => Err(format!("{}: {}", skipped.path, skipped.reason).into()),
        None => Ok(pack),
    }
}

/// So many events, in the order of chance: of each source as many as there are rules for it.
pub(crate) fn events(pack: &Pack, count: usize, seed: u64) -> Result<Vec<Event>, Failure> {
    let fields = FieldSet::default();
    let mut samples: Vec<(Format, Logsource, &str)> = Vec::new();
    for rule in rules::ALL {
        for line in rule.negative.lines().filter(|line| line.trim_start().starts_with('{')) {
            let record = Record::read(line.as_bytes(), &Redactor::off())?;
            samples.push((record.format(), record.sight(&fields).logsource, line));
        }
    }
    for (name, lines) in TEMPLATES {
        let format = Format::named(name).ok_or("a format is gone")?;
        for line in lines {
            let record = Record::read_as(line.as_bytes(), format, &Redactor::off())?;
            samples.push((format, record.sight(&fields).logsource, line));
        }
    }
    // For each rule the samples that it is asked about.
    let mut asked: Vec<Vec<usize>> = Vec::new();
    for rule in pack.rules() {
        let about = (0..samples.len()).filter(|at| rule.logsource.takes(samples[*at].1)).collect::<Vec<_>>();
        if about.is_empty() {
            return Err(format!("no event here is one of those that {} is asked about", rule.path).into());
        }
        asked.push(about);
    }
    let mut chance = Chance::new(seed);
    let events = (0..count).map(|_| {
        let about = &asked[chance.below(asked.len())];
        let (format, source, line) = samples[about[chance.below(about.len())]];
        Event { json: varied(line, &mut chance), format, source }
    });
    Ok(events.collect())
}

/// The event with other digits in its long numbers.
fn varied(line: &str, chance: &mut Chance) -> String {
    let bytes = line.as_bytes();
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run >= 5 {
            // The first digit stays: a number of JSON begins with no nought.
            out.push_str(&line[at..=at]);
            out.extend((1..run).map(|_| char::from(b'0' + u8::try_from(chance.below(10)).unwrap_or(0))));
            at += run;
        } else {
            let next = line[at..].chars().next().map_or(1, char::len_utf8).max(run);
            out.push_str(&line[at..at + next]);
            at += next;
        }
    }
    out
}
