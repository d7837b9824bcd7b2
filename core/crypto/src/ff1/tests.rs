//! FF1 below its alphabets: published vectors, and the two forms of a numeral string against each other.
