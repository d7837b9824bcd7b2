//! Values that somebody else must answer for: with mode `token` a run asks, and goes on with the answers.
//!
//! The core speaks to no vault. A run hands out the distinct texts of a batch, and takes an answer for each:
//! tokens when it protects, values when it reveals.

use crate::{Error, Path, Type, column::Sink, error::Why};
use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use std::collections::HashMap;

/// What a step came to.
#[derive(Debug)]
pub enum Ran<T> {
    /// It is done.
    Done(T),
    /// It goes on once the vault was asked.
    Wants(Wants),
}

/// What a vault is to be asked about the values of one field.
pub struct Wants {
    field: Path,
    texts: Vec<String>,
    /// For each value its text; what is at a null counts nothing.
    of: Vec<usize>,
    nulls: Option<NullBuffer>,
    to: Type,
}

impl Wants {
    /// The field.
    #[must_use]
    pub const fn field(&self) -> &Path {
        &self.field
    }

    /// The texts to ask for, none twice: plain values of a run that protects, tokens of one that reveals.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The values of the field, given an answer for each text in its order; `None` where the vault knows none.
    ///
    /// # Errors
    /// [`Error::Value`] for a text without an answer, or an answer that is no value of the field's type. Its row
    /// counts the values of this array, from 1.
    pub fn complete(self, answers: Vec<Option<String>>) -> Result<ArrayRef, Error> {
        let fail = |at: usize, why: Why| Error::value(at, self.field.as_str(), why);
        let mut out = Sink::new(self.to.arrow(), self.of.len(), self.of.len() * 32);
        for (at, text) in self.of.iter().enumerate() {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at)) {
                out.null();
                continue;
            }
            let answer = answers.get(*text).and_then(Option::as_ref);
            let answer = answer.ok_or_else(|| fail(at, Why::NotInVault))?;
            out.text(answer).map_err(|why| fail(at, why))?;
        }
        out.finish(self.nulls.clone()).map_err(|(at, why)| fail(at, why))
    }
}

impl std::fmt::Debug for Wants {
    /// Without the texts: they are what is being protected.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wants({} texts of {})", self.texts.len(), self.field)
    }
}

/// Questions being collected.
pub(crate) struct Builder {
    wants: Wants,
    seen: HashMap<String, usize>,
}

impl Builder {
    /// For this many values of a field, whose answers will be of this type.
    pub(crate) fn new(field: Path, to: Type, values: usize, nulls: Option<NullBuffer>) -> Self {
        let wants = Wants { field, texts: Vec::new(), of: Vec::with_capacity(values), nulls, to };
        Self { wants, seen: HashMap::new() }
    }

    pub(crate) fn push(&mut self, text: &str) {
        let at = self.seen.get(text).copied().unwrap_or_else(|| {
            let at = self.wants.texts.len();
            self.wants.texts.push(text.to_owned());
            self.seen.insert(text.to_owned(), at);
            at
        });
        self.wants.of.push(at);
    }

    pub(crate) fn null(&mut self) {
        self.wants.of.push(usize::MAX);
    }

    /// The questions, where there are any: a batch of nulls needs no vault.
    pub(crate) fn finish(self) -> Result<Ran<ArrayRef>, Error> {
        if self.wants.texts.is_empty() {
            return self.wants.complete(Vec::new()).map(Ran::Done);
        }
        Ok(Ran::Wants(self.wants))
    }
}
