//! Half-space trees (Tan, Ting, Liu 2011): how many of its peers stand where this identity stands, by a handful of
//! measures at once.
//!
//! A tree halves the space of measures five times, along measures that a fixed hash chooses. A group counts, in each
//! shard, who was where since the last epoch; the epoch holds the sums, against which is judged.

/// How many trees.
pub(crate) const TREES: usize = 12;
const DEPTH: usize = 5;
/// Nodes of a tree, the root at 1.
const NODES: usize = 1 << (DEPTH + 1);
/// Counts of a group.
pub(crate) const CELLS: usize = TREES * NODES;
/// Numbers of which the space is made, each between 0 and 1.
pub(crate) const MEASURES: usize = 6;
/// Below so many visits nothing can be said.
const ENOUGH: f32 = 1_000.0;

/// Along which measure a node is halved, and where: for the inner nodes of each tree.
static SPLITS: [[(u8, f32); NODES / 2]; TREES] = splits();

const fn splits() -> [[(u8, f32); NODES / 2]; TREES] {
    let mut all = [[(0, 0.5); NODES / 2]; TREES];
    let mut tree = 0;
    while tree < TREES {
        let mut node = 1;
        while node < NODES / 2 {
            let along = dimension(tree, node);
            // The room that is left along this measure, from the root down to this node.
            let (mut low, mut high) = (0.0_f32, 1.0_f32);
            let mut above = 1;
            let mut depth = node.ilog2();
            while depth > 0 {
                depth -= 1;
                let right = (node >> depth) & 1 == 1;
                if dimension(tree, above) == along {
                    let middle = (low + high) / 2.0;
                    if right {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                above = node >> depth;
            }
            #[expect(clippy::cast_possible_truncation, reason = "below six")]
            let measure = along as u8;
            all[tree][node] = (measure, (low + high) / 2.0);
            node += 1;
        }
        tree += 1;
    }
    all
}

const fn dimension(tree: usize, node: usize) -> usize {
    let mixed = (((tree as u64) << 32) | node as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 33) % MEASURES as u64) as usize
}

/// The cells on the way of some measures, from the root of each tree to a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place([[u16; DEPTH + 1]; TREES]);

impl Place {
    pub(crate) fn of(measures: &[f32; MEASURES]) -> Self {
        let mut cells = [[0; DEPTH + 1]; TREES];
        for (tree, (cells, splits)) in cells.iter_mut().zip(&SPLITS).enumerate() {
            let mut node = 1;
            for cell in cells {
                #[expect(clippy::cast_possible_truncation, reason = "below 768")]
                let number = (tree * NODES + node) as u16;
                *cell = number;
                if let Some((along, middle)) = splits.get(node) {
                    node = node * 2 + usize::from(measures[usize::from(*along)] >= *middle);
                }
            }
        }
        Self(cells)
    }
}

/// Counts a visit.
pub(crate) fn count(cells: &mut Vec<f32>, place: &Place) {
    if cells.is_empty() {
        cells.resize(CELLS, 0.0);
    }
    for cell in place.0.iter().flatten() {
        if let Some(count) = cells.get_mut(usize::from(*cell)) {
            *count += 1.0;
        }
    }
}

/// How much thinner this place is populated than if everyone were spread evenly over the space; `None` where too few
/// were counted.
pub(crate) fn rarity(cells: &[f32], place: &Place) -> Option<f32> {
    let visits = cells.get(1).copied().filter(|visits| *visits >= ENOUGH)?;
    let mut density = 0.0;
    for way in &place.0 {
        // The deepest node with at least a handful, times two for each level above it.
        let (mut mass, mut halves) = (visits, 1.0);
        for cell in way {
            let here = cells.get(usize::from(*cell)).copied().unwrap_or(0.0) * halves;
            if here < 5.0 * halves {
                mass = mass.min(here.max(0.5 * halves));
                break;
            }
            (mass, halves) = (here, halves * 2.0);
        }
        density += mass;
    }
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    let density = density / TREES as f32 / visits;
    Some(1.0 / density.max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::{CELLS, MEASURES, Place};

    fn rarity(cells: &[f32], measures: &[f32; MEASURES]) -> Option<f32> {
        super::rarity(cells, &Place::of(measures))
    }

    fn count(cells: &mut Vec<f32>, measures: &[f32; MEASURES]) {
        super::count(cells, &Place::of(measures));
    }

    #[test]
    fn where_nobody_stands_is_rare() {
        let mut cells = Vec::new();
        assert_eq!(rarity(&cells, &[0.1; 6]), None);
        for number in 0..5_000_u16 {
            let jitter = f32::from(number % 50) / 1_000.0;
            count(&mut cells, &[0.3 + jitter, 0.4 - jitter, 0.2, 0.1 + jitter, 0.3, 0.2 + jitter]);
        }
        assert_eq!(cells.len(), CELLS);
        let usual = rarity(&cells, &[0.32, 0.39, 0.2, 0.12, 0.3, 0.21]).expect("enough");
        let strange = rarity(&cells, &[0.9, 0.9, 0.8, 0.7, 0.05, 0.9]).expect("enough");
        assert!(strange > 50.0 * usual, "{usual} {strange}");
    }
}
