//! Keywords: texts looked for in every value of an event, whatever its field.

use super::text::Text;
use serde::de::{DeserializeSeed, Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Whether any value in the JSON text fits: texts as they are, numbers and booleans in their JSON text.
/// Names of fields are no values. One pass over the text; a text that is not JSON fits nothing.
pub(crate) fn found(json: &str, keyword: &Text) -> bool {
    let mut search = Search { keyword, found: false };
    let mut parser = serde_json::Deserializer::from_str(json);
    // The search stops by an error at the first hit, so that only `found` tells.
    let _ = parser.deserialize_any(&mut search);
    search.found
}

struct Search<'k> {
    keyword: &'k Text,
    found: bool,
}

impl Search<'_> {
    fn ask<E: Error>(&mut self, value: &str) -> Result<(), E> {
        self.found |= self.keyword.fits(value);
        if self.found { Err(E::custom("found")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Search<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.ask(value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.ask(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.ask(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.ask(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.ask(&value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_key::<IgnoredAny>()?.is_some() {
            fields.next_value_seed(&mut *self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::found;
    use crate::sigma::text::{Place, Text};

    #[test]
    fn every_value_is_searched_and_no_name() {
        let json = r#"{"name":[{"a":"say \"Hello\" \u0041bc"},null,{"b":{"c":4711,"d":true}}]}"#;
        let has =
            |keyword| found(json, &Text::new(keyword, Place::Anywhere, false).expect("the pattern is small"));
        assert!(has(r#""hello" abc"#) && has("4711") && has("true") && has("say*abc"));
        assert!(!has("name") && !has("null") && !has("c\":4711"));
    }
}
