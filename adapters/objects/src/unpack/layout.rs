//! The tree that a package will become, built from names alone and checked before anything is written.

use std::collections::HashMap;

/// A file, directory or link of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Link,
}

struct Item {
    parent: Node,
    name: Box<str>,
    kind: Kind,
    children: HashMap<Box<str>, Node>,
    /// Of a link, once it is known.
    target: Option<Box<str>>,
}

/// Nodes in an order in which every directory comes before what it holds.
pub(crate) struct Layout {
    items: Vec<Item>,
    /// Steps that resolving links may still take, all together.
    steps: usize,
}

const ROOT: Node = Node(0);

/// Links followed on the way of one, as the kernel does.
const HOPS: usize = 40;

/// Ordinary packages take a few steps for each of some hundred links.
const STEPS: usize = 2_000_000;

impl Layout {
    pub(crate) fn new() -> Self {
        let root =
            Item { parent: ROOT, name: "".into(), kind: Kind::Directory, children: HashMap::new(), target: None };
        Self { items: vec![root], steps: STEPS }
    }

    /// Nodes below the root, implied directories included.
    pub(crate) fn len(&self) -> usize {
        self.items.len() - 1
    }

    /// Adds a node and the directories above it. A directory may be named twice; nothing else may, and
    /// nothing lies below a file or a link.
    pub(crate) fn insert(&mut self, parts: &[&str], kind: Kind) -> Result<Node, String> {
        let Some((last, above)) = parts.split_last() else {
            return if kind == Kind::Directory { Ok(ROOT) } else { Err("its name is that of the root".to_owned()) };
        };
        let mut parent = ROOT;
        for part in above {
            parent = self.child(parent, part).unwrap_or_else(|| self.push(parent, part, Kind::Directory));
            match self.items[parent.0].kind {
                Kind::Directory => {}
                Kind::File => return Err("another entry is a file where this one needs a directory".to_owned()),
                Kind::Link => return Err("its path goes through a symbolic link of the package".to_owned()),
            }
        }
        match self.child(parent, last) {
            None => Ok(self.push(parent, last, kind)),
            Some(found) if kind == Kind::Directory && self.items[found.0].kind == kind => Ok(found),
            Some(_) => Err("another entry has the same name".to_owned()),
        }
    }

    pub(crate) fn path(&self, node: Node) -> String {
        let mut parts = Vec::new();
        let mut at = node;
        while at != ROOT {
            parts.push(&*self.items[at.0].name);
            at = self.items[at.0].parent;
        }
        parts.reverse();
        parts.join("/")
    }

    pub(crate) fn directories(&self) -> impl Iterator<Item = Node> + '_ {
        (1..self.items.len()).map(Node).filter(|node| self.items[node.0].kind == Kind::Directory)
    }

    pub(crate) fn set_target(&mut self, link: Node, target: String) {
        self.items[link.0].target = Some(target.into());
    }

    pub(crate) fn target(&self, link: Node) -> &str {
        self.items[link.0].target.as_deref().unwrap_or_default()
    }

    /// Follows a link as the kernel would and fails where it leaves the tree. Parts that do not exist count as
    /// directories: only plain directories can come into being there later. Needs the targets of all links.
    pub(crate) fn check_link(&mut self, link: Node) -> Result<(), String> {
        let mut at = self.ancestors(link);
        let mut hops = 0;
        let mut steps = 0;
        let mut ahead: Vec<&str> = self.target(link).rsplit('/').collect();
        while let Some(part) = ahead.pop() {
            steps += 1;
            if steps > self.steps {
                return Err("the links of the package are too many or too tangled to check".to_owned());
            }
            match part {
                "" | "." => {}
                ".." => {
                    at.pop().ok_or("the link leads outside of the package")?;
                }
                name => {
                    let found = at.last().map_or(Some(ROOT), |known| *known).and_then(|node| self.child(node, name));
                    match found.and_then(|node| self.items[node.0].target.as_deref()) {
                        None => at.push(found),
                        Some(next) => {
                            hops += 1;
                            if hops > HOPS {
                                return Err("the link leads through too many links or in a circle".to_owned());
                            }
                            ahead.extend(next.rsplit('/'));
                        }
                    }
                }
            }
        }
        self.steps -= steps;
        Ok(())
    }

    fn child(&self, parent: Node, name: &str) -> Option<Node> {
        self.items[parent.0].children.get(name).copied()
    }

    fn push(&mut self, parent: Node, name: &str, kind: Kind) -> Node {
        let node = Node(self.items.len());
        self.items.push(Item { parent, name: name.into(), kind, children: HashMap::new(), target: None });
        self.items[parent.0].children.insert(name.into(), node);
        node
    }

    /// The directories from below the root down to the one that holds `node`.
    fn ancestors(&self, node: Node) -> Vec<Option<Node>> {
        let mut above = Vec::new();
        let mut at = self.items[node.0].parent;
        while at != ROOT {
            above.push(Some(at));
            at = self.items[at.0].parent;
        }
        above.reverse();
        above
    }
}

#[cfg(test)]
mod tests;
