use super::*;
use proptest::prelude::*;

fn split(path: &str) -> Vec<&str> {
    path.split('/').collect()
}

/// A layout of links `path -> target` beside a file `dir/file`; which of the links are refused.
fn refused(links: &[(&str, &str)]) -> Vec<bool> {
    let mut layout = Layout::new();
    layout.insert(&["dir", "file"], Kind::File).unwrap();
    let mut nodes = Vec::new();
    for (path, target) in links {
        let node = layout.insert(&split(path), Kind::Link).unwrap();
        layout.set_target(node, (*target).to_owned());
        nodes.push(node);
    }
    nodes.into_iter().map(|node| layout.check_link(node).is_err()).collect()
}

#[test]
fn links_inside_the_tree_are_accepted() {
    for target in ["dir/file", "dir", ".", "./dir/../dir//file", "dir/..", "absent", "absent/../dir"] {
        assert_eq!(refused(&[("link", target)]), [false], "{target}");
    }
    assert_eq!(refused(&[("dir/link", "../dir/file"), ("dir/up", "..")]), [false, false]);
}

#[test]
fn links_out_of_the_tree_are_refused() {
    for target in ["..", "../x", "dir/../..", "dir/../../inside", "absent/../.."] {
        assert_eq!(refused(&[("link", target)]), [true], "{target}");
    }
    assert_eq!(refused(&[("dir/link", "../..")]), [true]);
}

#[test]
fn links_are_followed_through_links() {
    // Lexically `down/..` is the root; through the link it is the directory above `a`.
    assert_eq!(refused(&[("a/b/top", "../.."), ("out", "a/b/top/..")]), [false, true]);
    assert_eq!(refused(&[("here", "."), ("out", "here/here/here/..")]), [false, true]);
    assert_eq!(refused(&[("down", "dir/deep"), ("up", "down/../..")]), [false, false]);
}

#[test]
fn circles_are_refused() {
    assert_eq!(refused(&[("a", "b"), ("b", "a"), ("self", "self")]), [true, true, true]);
}

#[test]
fn tangles_end_early() {
    let knot = "loop/".repeat(HOPS - 1) + &"./".repeat(1000);
    let names: Vec<String> = (0..2000).map(|n| format!("l{n}")).collect();
    let mut links = vec![("loop", ".")];
    links.extend(names.iter().map(|name| (name.as_str(), knot.as_str())));
    let refused = refused(&links);
    assert!(!refused[1] && refused[2000], "the budget of steps is for all links together");
}

#[test]
fn clashes_are_refused() {
    let mut layout = Layout::new();
    layout.insert(&["a", "b"], Kind::File).unwrap();
    layout.insert(&["l"], Kind::Link).unwrap();
    layout.insert(&["a"], Kind::Directory).unwrap();
    for (path, kind) in [
        ("a/b", Kind::File),
        ("a/b", Kind::Directory),
        ("a", Kind::File),
        ("a/b/c", Kind::File),
        ("l/x", Kind::File),
        ("l", Kind::Link),
        ("l", Kind::Directory),
    ] {
        assert!(layout.insert(&split(path), kind).is_err(), "{path} {kind:?}");
    }
    assert!(layout.insert(&[], Kind::File).is_err());
    assert_eq!(layout.len(), 3);
}

/// What the kernel makes of the links, on a real directory, is the judge.
fn escapes(links: &[(String, String)]) -> Option<Vec<bool>> {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().canonicalize().unwrap().join("root");
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    for (path, target) in links {
        std::os::unix::fs::symlink(target, root.join(path)).ok()?;
    }
    let leads_out = |(path, _): &(String, String)| match root.join(path).canonicalize() {
        Ok(place) => !place.starts_with(&root),
        Err(_) => false,
    };
    Some(links.iter().map(leads_out).collect())
}

proptest! {
    #[test]
    fn nothing_that_the_kernel_follows_outside_is_accepted(
        targets in prop::collection::vec("(a|b|l|m|\\.|\\.\\.)(/(a|b|l|m|\\.|\\.\\.)){0,4}", 4)
    ) {
        let paths = ["l", "m", "a/l", "a/b/m"];
        let links: Vec<(String, String)> = paths.iter().map(|path| (*path).to_owned()).zip(targets).collect();
        let mut layout = Layout::new();
        layout.insert(&["a", "b"], Kind::Directory).unwrap();
        let nodes: Vec<Node> = links.iter().map(|(path, target)| {
            let node = layout.insert(&split(path), Kind::Link).unwrap();
            layout.set_target(node, target.clone());
            node
        }).collect();
        let escapes = escapes(&links).unwrap();
        for (node, escapes) in nodes.into_iter().zip(escapes) {
            prop_assert!(!escapes || layout.check_link(node).is_err(), "{} was accepted", layout.path(node));
        }
    }
}
