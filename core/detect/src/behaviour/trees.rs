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
const ENOUGH: f32 = 2_000.0;

/// Along which measure a node is halved.
const fn dimension(tree: usize, node: usize) -> usize {
    let mixed = (((tree as u64) << 32) | node as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 33) % MEASURES as u64) as usize
}

/// Visits every node on the way of these measures: the tree's cells and the depth.
fn walk(measures: &[f32; MEASURES], mut visit: impl FnMut(usize, usize)) {
    for tree in 0..TREES {
        let (mut low, mut high) = ([0.0_f32; MEASURES], [1.0_f32; MEASURES]);
        let mut node = 1;
        for depth in 0..=DEPTH {
            visit(tree * NODES + node, depth);
            let along = dimension(tree, node);
            let middle = f32::midpoint(low[along], high[along]);
            if measures[along] < middle {
                high[along] = middle;
                node *= 2;
            } else {
                low[along] = middle;
                node = node * 2 + 1;
            }
        }
    }
}

/// Counts a visit.
pub(crate) fn count(cells: &mut Vec<f32>, measures: &[f32; MEASURES]) {
    if cells.is_empty() {
        cells.resize(CELLS, 0.0);
    }
    walk(measures, |cell, _| {
        if let Some(count) = cells.get_mut(cell) {
            *count += 1.0;
        }
    });
}

/// How much thinner this place is populated than if everyone were spread evenly over the space; `None` where too few
/// were counted.
pub(crate) fn rarity(cells: &[f32], measures: &[f32; MEASURES]) -> Option<f32> {
    let visits = cells.get(1).copied().filter(|visits| *visits >= ENOUGH)?;
    // The deepest node with at least a handful, times two for each level above it.
    let mut mass = [0.0_f32; TREES];
    walk(measures, |cell, depth| {
        let here = cells.get(cell).copied().unwrap_or(0.0);
        let tree = cell / NODES;
        if here >= 5.0 || depth == 0 {
            mass[tree] = here * f32::from(1_u8 << depth);
        } else {
            mass[tree] = mass[tree].min(here.max(0.5) * f32::from(1_u8 << depth));
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    let density = mass.iter().sum::<f32>() / TREES as f32 / visits;
    Some(1.0 / density.max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::{CELLS, count, rarity};

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
