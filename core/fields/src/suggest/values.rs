//! Whether a value is one of a class.

use std::net::IpAddr;

/// Digits, without the separators that people write between groups of them.
fn digits(value: &str, separators: &[char]) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        match c {
            '0'..='9' => digits.push(u8::try_from(u32::from(c) - u32::from('0')).ok()?),
            // Between digits only.
            c if separators.contains(&c) && at > 0 && at + 1 < value.len() => {}
            _ => return None,
        }
    }
    Some(digits)
}

/// An e-mail address as people have one (a subset of RFC 5321): a mailbox and a domain with a top level.
pub(super) fn email(value: &str) -> bool {
    let Some((mailbox, domain)) = value.split_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, top)) = domain.rsplit_once('.') else { return false };
    // A picture for a screen of twice the density is named `x@2x.png`, a package of a version `x@1.2.3`.
    let file = ["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html", "pdf", "txt"];
    (1..=64).contains(&mailbox.len())
        && mailbox.chars().all(atom)
        && !mailbox.starts_with('.')
        && !mailbox.ends_with('.')
        && !mailbox.contains("..")
        && domain.len() <= 253
        && domain.split('.').all(label)
        && (top.starts_with("xn--") || (top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)))
        && !file.contains(&top.to_ascii_lowercase().as_str())
}

/// A payment card number: an issuer's range and its lengths, and a Luhn digit that holds.
pub(super) fn card(value: &str) -> bool {
    let Some(digits) = digits(value, &[' ', '-']) else { return false };
    let head =
        |count: usize| digits.iter().take(count).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let length = digits.len();
    let issued = match (head(2), head(3), head(4)) {
        (40..=49, ..) => matches!(length, 13 | 16 | 19),
        (51..=55, ..) | (.., 2221..=2720) => length == 16,
        (34 | 37, ..) => length == 15,
        (36 | 38 | 39, ..) | (_, 300..=305, _) => (14..=19).contains(&length),
        (65, ..) | (_, 644..=649, _) | (.., 6011 | 3528..=3589) | (62, ..) => (16..=19).contains(&length),
        _ => false,
    };
    issued && digits.iter().any(|digit| *digit != digits[length - 1]) && luhn(&digits)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let values = digits.iter().rev().enumerate();
    let sum: u32 =
        values.map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit })).sum();
    sum.is_multiple_of(10)
}

/// Lengths of IBANs (SWIFT's registry, release 99).
const IBAN: [(&str, usize); 79] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
];

/// An IBAN: a country, its length, and 1 left over by 97 (ISO 13616).
pub(super) fn iban(value: &str) -> bool {
    let compact = value.chars().filter(|c| *c != ' ').collect::<String>().to_ascii_uppercase();
    let known = compact.get(..2).and_then(|country| IBAN.iter().find(|(known, _)| *known == country));
    if known.is_none_or(|(_, length)| *length != compact.len())
        || !compact.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return false;
    }
    let rest = compact[4..].chars().chain(compact[..4].chars()).try_fold(0_u32, |rest, c| {
        let value = c.to_digit(36)?;
        Some(if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 })
    });
    rest == Some(1)
}

/// A social security number as it is written: areas, groups and serials that are given out.
pub(super) fn ssn(value: &str) -> bool {
    let mut parts = value.split(['-', ' ']);
    let mut next = |length: usize| {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|part| part.parse::<u16>().ok())
    };
    let (area, group, serial) = (next(3), next(2), next(4));
    let written = value.len() == 11 && parts.next().is_none();
    written
        && area.is_some_and(|area| !matches!(area, 0 | 666 | 900..))
        && group.is_some_and(|group| group > 0)
        && serial.is_some_and(|serial| serial > 0)
}

/// The digits alone, as a table holds them.
pub(super) fn nine_digits(value: &str) -> bool {
    value.len() == 9 && value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with("000")
}

/// A phone number in a form that says so: international (E.164) with its plus, or North American.
pub(super) fn phone(value: &str) -> bool {
    let separators = [' ', '-', '.', '(', ')', '/'];
    if let Some(rest) = value.strip_prefix('+') {
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        return (8..=15).contains(&digits)
            && rest.starts_with(|c: char| ('1'..='9').contains(&c))
            && rest.chars().all(|c| c.is_ascii_digit() || separators.contains(&c))
            // A signed decimal is no number to call.
            && rest.matches('.').count() != 1;
    }
    let value = value.strip_prefix("1-").or_else(|| value.strip_prefix("1 ")).unwrap_or(value);
    let bytes = value.as_bytes();
    let (area, rest) = match bytes {
        [b'(', a, b, c, b')', rest @ ..] => ([*a, *b, *c], rest.strip_prefix(b" ").unwrap_or(rest)),
        [a, b, c, b'-' | b'.' | b' ', rest @ ..] => ([*a, *b, *c], rest),
        _ => return false,
    };
    let [d, e, f, b'-' | b'.' | b' ', serial @ ..] = rest else { return false };
    let code = |[first, second, third]: [u8; 3]| {
        matches!(first, b'2'..=b'9') && second.is_ascii_digit() && third.is_ascii_digit()
    };
    code(area) && code([*d, *e, *f]) && serial.len() == 4 && serial.iter().all(u8::is_ascii_digit)
}

/// A number that could be called from somewhere.
pub(super) fn may_be_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    (6..=15).contains(&digits)
        && value.chars().all(|c| c.is_ascii_digit() || " -.()/+x".contains(c))
        && !is_date(value)
}

/// An IP address.
pub(super) fn ip(value: &str) -> bool {
    let parsed = value.parse::<IpAddr>();
    // `::` and the like are valid, and no one's address.
    parsed.is_ok_and(|address| !address.is_unspecified())
}

/// Given names that are common somewhere: enough to tell a column of people from a column of products.
const GIVEN: &str = " aaron adam ada adrian agnes ahmed aisha alan albert alejandro alex alexander alexandra alice \
    alicia amanda amelia amy ana anders andrea andreas andrew angela anita ann anna anne anthony antonio arthur \
    barbara beatrice ben benjamin bernd bob brandon brian bruno camille carl carla carlos carmen caroline catherine \
    charles charlotte chen chiara chris christian christina christine christopher claire clara claudia daniel \
    daniela david deborah denis diana diego dmitri dominik dorothy edward elena elisabeth elizabeth emily emma eric \
    erik ethan eva evelyn fatima felix fernando florian frances francesca francesco francisco frank gabriel george \
    gerald gianni giulia grace greta hannah hans harold heather heidi helen helena henry hiroshi ian ibrahim ines \
    ingrid irene isabel isabella ivan jack jacob james jan jane janet jason javier jean jennifer jessica joan joe \
    johann john jonas jonathan jorge jose joseph joshua juan judith julia julian julie kai karen karl katharina \
    katherine kathleen kenneth kevin klaus lars laura lauren lea lena leon li linda lisa louis louise luca lucas \
    lucia luis luisa lukas maja marc marco margaret maria marie mario mark markus marta martha martin mary mateo \
    matthew max maximilian mei melissa mia michael michelle miguel mohamed mohammed monica nancy natalie nathan \
    nicholas nicolas nicole nina noah olga oliver olivia omar oscar pablo pamela patricia patrick paul paula pedro \
    peter philip pierre priya rachel ralf ralph raj rebecca renate richard robert roberto roger ronald rosa ruth ryan \
    samantha samuel sandra sara sarah scott sean sebastian sharon silvia simon sofia sophia sophie stefan stephanie \
    stephen steven susan susanne sven sylvia tanja teresa theresa thomas tim timothy tobias tom tyler ursula \
    valentina vera veronica victor victoria vincent virginia walter wei werner william wolfgang yuki yusuf zoe ";

fn is_given(word: &str) -> bool {
    let word = word.to_lowercase();
    word.bytes().all(|b| b.is_ascii_lowercase()) && !word.is_empty() && GIVEN.contains(&format!(" {word} "))
}

/// A name with a common given name as its first or, behind a comma, its last word.
pub(super) fn name(value: &str) -> bool {
    if !may_be_name(value) {
        return false;
    }
    let words = value.split([' ', '-']).map(|word| word.trim_matches([',', '.'])).collect::<Vec<_>>();
    let first = if value.contains(',') { words.get(1) } else { words.first() };
    let capital =
        words.iter().all(|word| word.chars().next().is_none_or(|c| !c.is_lowercase()) || word.len() < 4);
    capital && first.is_some_and(|word| is_given(word))
}

/// Up to five words of letters.
pub(super) fn may_be_name(value: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || " -'’.,".contains(c);
    value.chars().count() <= 60
        && value.split_whitespace().count() <= 5
        && value.chars().all(letter)
        && value.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && !matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "null" | "none" | "n/a"
        )
}

/// A date as it is written, and its year.
fn year(value: &str) -> Option<u16> {
    let date = value.split(['T', ' ']).next()?;
    let parts = date.split(['-', '/', '.']).collect::<Vec<_>>();
    let [a, b, c] = parts[..] else { return None };
    let number =
        |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten();
    let (first, second, third) = (number(a)?, number(b)?, number(c)?);
    let (year, rest) = match (a.len(), c.len()) {
        (4, 1..=2) => (first, [second, third]),
        (1..=2, 4) => (third, [first, second]),
        _ => return None,
    };
    // Day and month, in either order.
    let fits = rest.iter().all(|part| (1..=31).contains(part)) && rest.iter().any(|part| *part <= 12);
    fits.then_some(year)
}

fn is_date(value: &str) -> bool {
    year(value).is_some()
}

/// A date on which somebody alive was born.
pub(super) fn birth_date(value: &str) -> bool {
    year(value).is_some_and(|year| (1905..=2030).contains(&year))
}
