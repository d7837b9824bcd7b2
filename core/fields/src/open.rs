//! Revealing the values of one field, as they stand one after the other.

use crate::{
    Error, Field, Mode, Ran, Type,
    column::{Sink, Source},
    error::Why,
    reveal::{Column, Opened},
    seal::ff1,
    tokens,
};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use crypto::{
    bind::with_row,
    ff1::Ff1,
    siv::Siv,
    text,
    value::{self, Opener},
};
use std::{fmt, sync::Arc};

/// Reveals values of one output, on one thread.
pub struct Worker {
    run: Arc<Opened>,
    lanes: Vec<Lane>,
}

/// What opens the values of one field.
enum Lane {
    Data(Vec<Opener>),
    Siv(Box<Siv>),
    Ff1(Ff1),
    Token,
    /// What has no way back, or is opened by the format that the column stands in.
    Closed,
}

impl Worker {
    pub(crate) fn new(run: Arc<Opened>) -> Result<Self, Error> {
        let lane = |(field, column): (&Field, &Column)| {
            let key = || field.keyed(column.field_key.as_ref());
            Ok(match &field.mode {
                Mode::Aead | Mode::GcmSiv => {
                    Lane::Data(column.data_keys.iter().map(|key| Opener::new(&*run.provider, key)).collect())
                }
                Mode::Siv => Lane::Siv(Box::new(Siv::new(key()?)?)),
                Mode::Ff1 { alphabet, luhn } => Lane::Ff1(ff1(key()?, alphabet, *luhn)?),
                Mode::Token => Lane::Token,
                Mode::BlindIndex { .. } | Mode::Mask { .. } | Mode::ParquetAead => Lane::Closed,
            })
        };
        let lanes = run.policy.fields().iter().zip(&run.columns).map(lane).collect::<Result<_, Error>>()?;
        Ok(Self { run, lanes })
    }

    /// Reveals protected values of the field with this index in the revealer's policy, into an array of the type
    /// that the manifest names. `row_keys` has the row key of each value, where the policy names one.
    ///
    /// # Errors
    /// [`Error::Value`], whose row counts these values from 1, for one that was altered, moved, or is under
    /// another key; [`Error::Type`] for an array that holds no protected values; [`Error::Mode`] for a mode that
    /// has no way back.
    pub fn values(
        &mut self,
        field: usize,
        values: &dyn Array,
        row_keys: Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error> {
        self.with_nulls(field, values, values.logical_nulls(), row_keys)
    }

    /// As [`values`](Self::values), with these places null.
    pub(crate) fn with_nulls(
        &mut self,
        index: usize,
        values: &dyn Array,
        nulls: Option<NullBuffer>,
        row_keys: Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let run = self.run.clone();
        let (Some(field), Some(column)) = (run.policy.fields().get(index), run.columns.get(index)) else {
            return Err(Error::Policy(format!("it has no field {index}")));
        };
        let wrong_type = || Error::Type {
            column: field.path.to_string(),
            found: values.data_type().to_string(),
            mode: field.mode.as_str(),
        };
        let held = Source::of(values).ok_or_else(wrong_type)?;
        let is_text = match Type::of(values.data_type()).unwrap_or_default().arrow() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView if !field.mode.takes_text() => {
                false
            }
            _ => return Err(wrong_type()),
        };
        let row_keys = run.policy.row_key().and(row_keys);
        let given = Given {
            field,
            of: field.plain_type(),
            held,
            is_text,
            nulls,
            row_keys,
            place: &column.place,
            count: values.len(),
        };
        match &mut self.lanes[index] {
            Lane::Data(openers) => {
                let mut last = 0;
                given.open(|aad, sealed, out| {
                    let got = value::key_id(sealed)?;
                    if openers.get(last).is_none_or(|opener| opener.key_id() != got) {
                        let at = openers.iter().position(|opener| opener.key_id() == got);
                        last = at.ok_or(crypto::Error::WrongKeyId { got })?;
                    }
                    openers[last].open(aad, sealed, out)
                })
            }
            Lane::Siv(siv) => given.open(|aad, sealed, out| siv.open(aad, sealed, out)),
            Lane::Ff1(ff1) => given.decrypt(ff1),
            Lane::Token => given.tokens(),
            Lane::Closed => {
                Err(Error::Mode { mode: field.mode.as_str(), why: "its values do not open one by one" })
            }
        }
    }
}

/// The values that a worker was given.
struct Given<'a> {
    field: &'a Field,
    of: Type,
    held: Source<'a>,
    is_text: bool,
    nulls: Option<NullBuffer>,
    row_keys: Option<&'a StringArray>,
    place: &'a [u8],
    count: usize,
}

impl Given<'_> {
    fn is_null(&self, at: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at))
    }

    fn fail(&self, at: usize, why: Why) -> Error {
        Error::value(at, self.field.path.as_str(), why)
    }

    fn done(&self, sink: Sink) -> Result<Ran<ArrayRef>, Error> {
        sink.finish(self.nulls.clone()).map(Ran::Done).map_err(|(at, why)| self.fail(at, why))
    }

    /// One value after the other: its bytes as they were sealed, with its associated data.
    fn each(
        &self,
        mut open: impl FnMut(&mut Sink, &[u8], usize) -> Result<(), Why>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let mut sink = Sink::new(self.of.arrow(), self.count, self.held.size());
        let mut aad = self.place.to_vec();
        for at in 0..self.count {
            if self.is_null(at) {
                sink.null();
                continue;
            }
            if let Some(keys) = self.row_keys {
                if keys.is_null(at) {
                    return Err(self.fail(at, Why::NoRowKey));
                }
                with_row(&mut aad, self.place.len(), keys.value(at).as_bytes());
            }
            open(&mut sink, &aad, at).map_err(|why| self.fail(at, why))?;
        }
        self.done(sink)
    }

    /// Values that were encrypted, as bytes or as base64url.
    fn open(
        &self,
        mut open: impl FnMut(&[u8], &[u8], &mut Vec<u8>) -> Result<(), crypto::Error>,
    ) -> Result<Ran<ArrayRef>, Error> {
        let mut scratch = Vec::new();
        self.each(|sink, aad, at| {
            let mut sealed = self.held.bytes(at);
            if self.is_text {
                scratch.clear();
                text::decode_into(sealed, "protected value", &mut scratch)?;
                sealed = &scratch;
            }
            let start = sink.bytes().len();
            open(aad, sealed, sink.bytes())?;
            sink.end(start)
        })
    }

    /// Values that kept their form.
    fn decrypt(&self, ff1: &mut Ff1) -> Result<Ran<ArrayRef>, Error> {
        let (mut scratch, mut plain) = (String::new(), String::new());
        self.each(|sink, aad, at| {
            plain.clear();
            ff1.decrypt(aad, self.held.text(at, &Type::UTF8, &mut scratch)?, &mut plain)?;
            sink.text(&plain)
        })
    }

    /// Tokens that a vault has the values of.
    fn tokens(&self) -> Result<Ran<ArrayRef>, Error> {
        let path = self.field.path.clone();
        let mut wants = tokens::Builder::new(path, self.of.clone(), self.count, self.nulls.clone());
        let mut scratch = String::new();
        for at in 0..self.count {
            if self.is_null(at) {
                wants.null();
                continue;
            }
            let token = self.held.text(at, &Type::UTF8, &mut scratch);
            wants.push(token.map_err(|why| self.fail(at, why))?);
        }
        wants.finish()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({} fields)", self.lanes.len())
    }
}
