//! The policy's paths as a tree that a reader walks down beside the data.

use crate::{Path, Step};

/// A place in the tree.
pub(super) type Node = usize;

/// Paths by their first steps.
#[derive(Debug, Clone)]
pub(in crate::formats) struct Paths(Vec<Place>);

#[derive(Debug, Clone, Default)]
struct Place {
    members: Vec<(Box<[u8]>, Node)>,
    items: Option<Node>,
    end: Option<usize>,
}

impl Paths {
    /// Where every record begins.
    pub(super) const ROOT: Node = 0;

    /// These paths, numbered in their order. Of two that are the same the first counts.
    pub(in crate::formats) fn new<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut tree = Self(vec![Place::default()]);
        for (number, path) in paths.into_iter().enumerate() {
            let mut node = Self::ROOT;
            for step in path.steps() {
                node = tree.below(node, step);
            }
            tree.0[node].end.get_or_insert(number);
        }
        tree
    }

    /// What leads to records themselves.
    pub(super) fn every_record() -> Self {
        Self(vec![Place { end: Some(0), ..Place::default() }])
    }

    fn below(&mut self, node: Node, step: &Step) -> Node {
        let known = match step {
            Step::Member(name) => self.member(node, name.as_bytes()),
            Step::Items => self.0[node].items,
        };
        if let Some(known) = known {
            return known;
        }
        let new = self.0.len();
        self.0.push(Place::default());
        match step {
            Step::Member(name) => self.0[node].members.push((name.as_bytes().into(), new)),
            Step::Items => self.0[node].items = Some(new),
        }
        new
    }

    /// Where the member of this name leads.
    pub(super) fn member(&self, node: Node, name: &[u8]) -> Option<Node> {
        self.0[node].members.iter().find(|(known, _)| **known == *name).map(|(_, node)| *node)
    }

    /// Where the elements of an array lead.
    pub(super) fn items(&self, node: Node) -> Option<Node> {
        self.0[node].items
    }

    /// Whether members of it are looked for.
    pub(super) fn leads_on(&self, node: Node) -> bool {
        !self.0[node].members.is_empty()
    }

    /// The number of the path that ends here.
    pub(super) fn end(&self, node: Node) -> Option<usize> {
        self.0[node].end
    }
}
