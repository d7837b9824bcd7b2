//! `simulate`: the events of a simulated cloud, with the truth about them beside.

use crate::cli::Simulate;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use crate::progress;
use base::Kind;
use serde::Serialize;
use simulate::{Attacks, Scenario};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    events: u64,
    labels: u64,
    file: String,
    labels_file: String,
    accounts: Vec<String>,
}

impl Show for Written {
    fn table(&self) -> String {
        facts([
            ("events", Some(format!("{} in {}", self.events, self.file))),
            ("labels", Some(format!("{} in {}", self.labels, self.labels_file))),
            ("accounts", Some(self.accounts.join(", "))),
        ])
    }
}

/// Runs the command.
pub(crate) fn run(output: Output, simulate: &Simulate) -> Result<ExitCode, Failure> {
    let mut scenario = Scenario { seed: simulate.seed, ..Scenario::demo() };
    if let Some(identities) = simulate.identities {
        scenario.identities = identities;
    }
    if let Some(hours) = simulate.hours {
        scenario.duration = Duration::from_secs(u64::from(hours) * 3_600);
    }
    if let Some(attacks) = simulate.attacks {
        scenario.attacks = Attacks::Count(attacks);
    }
    let wrong = |error: simulate::WrongScenario| Failure::new(Kind::BadInput, error.to_string());
    let simulation = scenario.simulate().map_err(wrong)?;
    let mut labels_file = simulate.out.as_os_str().to_owned();
    labels_file.push(".labels.ndjson");
    let labels_file = PathBuf::from(labels_file);
    let (mut events, mut labels) = (create(&simulate.out)?, create(&labels_file)?);
    let mut written = Written {
        events: 0,
        labels: 0,
        file: simulate.out.display().to_string(),
        labels_file: labels_file.display().to_string(),
        accounts: scenario.accounts(),
    };
    let bar = progress::spinner("simulating");
    for event in simulation {
        line(&mut events, &simulate.out, &event.json)?;
        written.events += 1;
        if let Some(label) = &event.label {
            line(&mut labels, &labels_file, &label.to_line())?;
            written.labels += 1;
        }
        bar.inc(1);
    }
    for (mut file, path) in [(events, &simulate.out), (labels, &labels_file)] {
        file.flush().map_err(|error| Failure::file(path, &error))?;
    }
    bar.finish_and_clear();
    output.show(&written)?;
    Ok(ExitCode::SUCCESS)
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    Ok(BufWriter::new(File::create(path).map_err(|error| Failure::file(path, &error))?))
}

fn line(file: &mut BufWriter<File>, path: &Path, line: &str) -> Result<(), Failure> {
    let wrote = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
    wrote.map_err(|error| Failure::file(path, &error))
}
