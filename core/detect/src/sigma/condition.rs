//! The condition of a rule: `and`, `or`, `not`, parentheses, and `1 of` / `all of` over selections.

use super::Reason;

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 64;
/// How many words a condition may have.
const MAX_WORDS: usize = 4_096;

/// A condition over selections, which are named by their place in the list handed to [`parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Selection(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    /// Whether it holds where the selections hold that `of` says.
    pub(crate) fn holds(&self, of: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Selection(at) => of(*at),
            Self::Not(inner) => !inner.holds(of),
            Self::All(parts) => parts.iter().all(|part| part.holds(of)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(of)),
        }
    }
}

/// Reads a condition; `names` are the selections in the order of the rule.
pub(crate) fn parse(text: &str, names: &[String]) -> Result<Condition, Reason> {
    let refuse = |problem: String| Reason::Condition { condition: text.to_owned(), problem };
    if text.contains('|') {
        return Err(Reason::Unsupported("an aggregation in a condition (`|`)".to_owned()));
    }
    let words = words(text);
    if words.len() > MAX_WORDS {
        return Err(refuse(format!("it has more than {MAX_WORDS} words")));
    }
    let mut parser = Parser { words: &words, at: 0, names };
    let condition = parser.any(0).map_err(&refuse)?;
    match parser.next() {
        None => Ok(condition),
        Some(word) => Err(refuse(format!("`{word}` is not expected here"))),
    }
}

/// Words and parentheses.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        let parenthesis = matches!(character, '(' | ')');
        if parenthesis || character.is_whitespace() {
            if let Some(start) = start.take() {
                found.push(&text[start..at]);
            }
            if parenthesis {
                found.push(&text[at..=at]);
            }
        } else {
            start.get_or_insert(at);
        }
    }
    found.extend(start.map(|start| &text[start..]));
    found
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    names: &'a [String],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.all(depth)?];
        while self.takes("or") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.not(depth)?];
        while self.takes("and") {
            parts.push(self.not(depth)?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn not(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}"));
        }
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        let word = self.next().ok_or("it ends where a selection is expected")?;
        if word == "(" {
            let inner = self.any(depth + 1)?;
            return match self.next() {
                Some(")") => Ok(inner),
                _ => Err("a parenthesis is not closed".to_owned()),
            };
        }
        if self.peek().is_some_and(|word| word.eq_ignore_ascii_case("of")) {
            self.at += 1;
            return self.of(word);
        }
        let found = self.names.iter().position(|name| name == word);
        found.map(Condition::Selection).ok_or_else(|| format!("there is no selection `{word}`"))
    }

    fn of(&mut self, quantity: &str) -> Result<Condition, String> {
        let all = match quantity.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            _ => return Err(format!("`{quantity} of` is neither `1 of` nor `all of`")),
        };
        let pattern = self.next().ok_or("`of` is not followed by a selection")?;
        let them = pattern.eq_ignore_ascii_case("them");
        let found: Vec<_> = (0..self.names.len())
            .filter(|&index| {
                let name = &self.names[index];
                if them { !name.starts_with('_') } else { glob(pattern.as_bytes(), name.as_bytes()) }
            })
            .map(Condition::Selection)
            .collect();
        if found.is_empty() {
            return Err(format!("no selection is named like `{pattern}`"));
        }
        Ok(one_or(found, if all { Condition::All } else { Condition::Any }))
    }
}

fn one_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.swap_remove(0) } else { join(parts) }
}

/// Whether a name fits a pattern with `*`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            p = after;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::{Condition::*, parse};

    fn names() -> Vec<String> {
        ["sel_a", "sel_b", "filter", "_hidden"].map(str::to_owned).to_vec()
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_than_or() {
        let condition = parse("sel_a or sel_b and not filter", &names()).expect("it is well formed");
        let not = Not(Box::new(Selection(2)));
        assert_eq!(condition, Any(vec![Selection(0), All(vec![Selection(1), not])]));
        let condition = parse("(sel_a OR sel_b) AND filter", &names()).expect("it is well formed");
        assert_eq!(condition, All(vec![Any(vec![Selection(0), Selection(1)]), Selection(2)]));
    }

    #[test]
    fn quantifiers_choose_by_name_and_leave_out_the_hidden() {
        let read = |text| parse(text, &names()).expect("it is well formed");
        assert_eq!(read("1 of sel_*"), Any(vec![Selection(0), Selection(1)]));
        assert_eq!(read("all of sel_*"), All(vec![Selection(0), Selection(1)]));
        assert_eq!(read("1 of them"), Any(vec![Selection(0), Selection(1), Selection(2)]));
        assert_eq!(read("not 1 of *ilt*"), Not(Box::new(Selection(2))));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in
            ["", "sel_a sel_b", "sel_c", "(sel_a", "not", "2 of them", "1 of nothing*", "sel_a | count() > 3"]
        {
            assert!(parse(text, &names()).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(100_000), &names()).is_err());
        assert!(parse(&"not ".repeat(3_000), &names()).is_err());
    }
}
