//! Fills in `$name` in the JSON of a call.

use crate::cast::{Member, key_text};
use crate::random::{Random, mix};
use std::fmt::Write;

/// What a name may stand for, beside the member itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thread<'a> {
    /// What is the same for all calls of one run follows from it.
    pub(crate) run: u64,
    /// An account outside of the organization.
    pub(crate) foreign: &'a str,
}

/// Appends `template` with every `$name` replaced. A value never needs escaping in JSON.
pub(crate) fn fill(
    out: &mut String,
    template: &str,
    member: &Member,
    thread: Thread<'_>,
    random: &mut Random,
) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        value(out, &rest[..end], member, thread, random);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

fn value(out: &mut String, name: &str, member: &Member, thread: Thread<'_>, random: &mut Random) {
    let of_run = |salt: u64| mix(thread.run ^ mix(salt));
    // A `String` takes every write.
    let _ = match name {
        "account" => out.write_str(&member.account),
        "region" => out.write_str(member.region),
        "name" => out.write_str(&member.name),
        "role" => out.write_str(&member.role_name()),
        "bucket" => write!(out, "{}-{}-data", &member.name, &member.account[..4]),
        "object" => {
            let bits = random.next();
            write!(out, "{}/{:04x}/{:012x}.json", member.name, bits >> 48, bits & 0xffff_ffff_ffff)
        }
        "key" => {
            uuid(out, mix(u64::from(member.who)), 7);
            Ok(())
        }
        "uuid" => {
            uuid(out, of_run(1), of_run(2));
            Ok(())
        }
        "hex" => write!(out, "{:016x}", of_run(3)),
        "volume" => write!(out, "vol-0{:016x}", of_run(4)),
        "snapshot" => write!(out, "snap-0{:016x}", of_run(5)),
        "instance" => write!(out, "i-0{:016x}", of_run(6)),
        "number" => write!(out, "{}", 1 + random.below(400)),
        "foreign" => out.write_str(thread.foreign),
        "newuser" => write!(out, "svc-{}-{}", &member.name, of_run(7) % 90 + 10),
        "newkey" => out.write_str(&new_key(thread.run)),
        "newid" => out.write_str(&key_text("AIDA", of_run(8), 17)),
        // A table with a name that is not here is caught by a test.
        unknown => write!(out, "${unknown}"),
    };
}

/// The access key that an intruder makes in this run.
pub(crate) fn new_key(run: u64) -> String {
    key_text("AKIA", mix(run ^ 9), 16)
}

/// The user that an intruder makes in this run.
pub(crate) fn new_user(member: &Member, run: u64) -> String {
    format!("svc-{}-{}", member.name, mix(run ^ mix(7)) % 90 + 10)
}

/// A version 4 UUID of these bits.
pub(crate) fn uuid(out: &mut String, high: u64, low: u64) {
    let _ = write!(
        out,
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    );
}
