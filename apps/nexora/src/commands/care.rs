//! What cannot be undone is said first, and asked.

use crate::cli::Care;
use crate::failure::Failure;
use crate::output::{Output, escaped};
use base::Kind;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

/// Whether to go on with what `what` says, such as `destroy key_…, for good`. On a terminal it is asked; else it
/// takes `--yes`. With `--dry-run` it is only said.
///
/// # Errors
/// [`Kind::BadInput`] where nobody can be asked, or the answer was not `yes`.
pub(super) fn goes_on(output: Output, care: Care, what: &str) -> Result<bool, Failure> {
    if care.dry_run {
        output.say(&format!("would {what}; nothing was done"));
        return Ok(false);
    }
    if care.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let said = format!("this would {what}: say --yes, or --dry-run to see what would happen");
        return Err(Failure::new(Kind::BadInput, said));
    }
    asked(&format!("This will {what}. Type yes to go on:"))?;
    Ok(true)
}

/// Whether files may be written where they go. What is there already is asked for on a terminal; else it takes `--force`.
/// Gives whether what is there may be replaced; what comes there meanwhile may not.
///
/// # Errors
/// [`Kind::Conflict`] where nobody can be asked, or the answer was not `yes`.
pub(super) fn may_write(places: &[&Path], force: bool) -> Result<bool, Failure> {
    let there: Vec<String> = places
        .iter()
        .filter(|place| !force && place.symlink_metadata().is_ok())
        .map(|place| place.display().to_string())
        .collect();
    if there.is_empty() {
        return Ok(force);
    }
    let there = there.join(" and ");
    if !io::stdin().is_terminal() {
        let said = format!("{there}: there already, and nothing was replaced: say --force, or another --out");
        return Err(Failure::new(Kind::Conflict, said));
    }
    asked(&format!("{there}: there already. Type yes to replace what is there:"))?;
    Ok(true)
}

/// Whether something is as the question has it.
///
/// # Errors
/// [`Kind::BadInput`] where nobody can be asked, or the answer was not `yes`.
pub(super) fn is_so(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(
            Kind::BadInput,
            format!("{question} Nobody can be asked here: say --fingerprint"),
        ));
    }
    asked(&format!("{question} Type yes or no:"))
}

fn asked(question: &str) -> Result<(), Failure> {
    let mut out = io::stderr().lock();
    // Where the question cannot be written nobody answers it.
    drop(write!(out, "{} ", escaped(question, false)).and_then(|()| out.flush()));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::io("standard input", &error))?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::new(Kind::BadInput, "the answer was not `yes`: nothing was done"))
}
