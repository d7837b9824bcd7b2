//! The data of the story: customers who do not exist.

use std::fmt::Write as _;

/// How many.
const ROWS: u32 = 200;

/// The columns that are protected.
pub(super) const FIELDS: [&str; 2] = ["email", "ssn"];

/// A CSV of customers. Addresses end in a domain of RFC 2606; numbers begin with 9, which none that is
/// assigned does.
pub(super) fn csv() -> String {
    const NAMES: [&str; 8] = ["Ada", "Bela", "Chen", "Dara", "Emil", "Farah", "Goran", "Hana"];
    const CITIES: [&str; 5] = ["Berlin", "Lisbon", "Oslo", "Quito", "Turin"];
    let mut csv = String::from("id,name,email,ssn,city\n");
    for row in 0..ROWS {
        let name = NAMES[row as usize % NAMES.len()];
        let city = CITIES[row as usize % CITIES.len()];
        let email = format!("{}.{row}@example.com", name.to_lowercase());
        let _ = writeln!(
            csv,
            "{row},{name},{email},9{:02}-{:02}-{:04},{city}",
            row % 100,
            row % 89 + 10,
            row * 37
        );
    }
    csv
}
