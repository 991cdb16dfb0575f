//! The layer rule: which crate may depend on which.
//!
//! domain ← decide ← engine; decide ← journal; decide ← simulate; domain ← ports ← engine; edges see domain and engine; adapters see
//! domain and ports; the binary sees everything. Nothing depends on an edge, an adapter or a binary but the binary and the
//! benches. Dev-dependencies are free: tests may stand a layer on the fakes of another.

use anyhow::{Context, bail};
use std::{collections::BTreeMap, fs, path::Path};
use toml::{Table, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Domain,
    Decide,
    Journal,
    Simulate,
    Ports,
    Engine,
    Edge,
    Adapter,
    Binary,
    Xtask,
    Bench,
    Properties,
}

use Layer::*;

impl Layer {
    /// By the folder a crate lies in.
    fn of(path: &str) -> Option<Layer> {
        Some(match path {
            "core/domain" => Domain,
            "core/decide" => Decide,
            "core/journal" => Journal,
            "core/simulate" => Simulate,
            "engine/ports" => Ports,
            "engine/engine" => Engine,
            "bin/sluice" => Binary,
            "bin/xtask" => Xtask,
            "benches" => Bench,
            "tests/properties" => Properties,
            _ if path.starts_with("edge/") => Edge,
            _ if path.starts_with("adapters/") => Adapter,
            _ => return None,
        })
    }

    fn may_see(self) -> &'static [Layer] {
        match self {
            Domain | Xtask => &[],
            Decide | Ports => &[Domain],
            Journal | Simulate => &[Domain, Decide],
            Engine => &[Domain, Decide, Ports],
            Edge => &[Domain, Engine],
            Adapter => &[Domain, Ports],
            Bench => &[Domain, Decide, Edge],
            Properties => &[Domain, Decide, Journal, Simulate, Ports, Engine, Edge, Adapter],
            Binary => &[Domain, Decide, Journal, Simulate, Ports, Engine, Edge, Adapter],
        }
    }

    /// Crates of others that a layer must do without, whatever they would be good for.
    fn does_without(self) -> &'static [&'static str] {
        const HTTP: &[&str] = &["http", "http-body-util", "hyper", "hyper-util", "axum", "tower", "tower-http", "ureq"];
        match self {
            Engine | Ports => HTTP,
            _ => &[],
        }
    }

    /// The only crates of others that a layer may use, where there is such a list.
    fn makes_do_with(self) -> Option<&'static [&'static str]> {
        match self {
            // Pure: nothing that could do I/O, read a clock, log or roll dice.
            Domain | Decide | Simulate => Some(&["bytes", "jiff", "serde", "serde_json", "thiserror"]),
            Journal => Some(&["crc", "jiff", "postcard", "serde", "thiserror"]),
            _ => None,
        }
    }
}

/// One crate of the workspace.
struct Member {
    path: String,
    name: String,
    layer: Layer,
    /// What the built crate depends on, by package name.
    dependencies: Vec<String>,
    unsafe_allowed: bool,
}

/// Every edge that should not be there.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let members = workspace.get("workspace").and_then(|table| table.get("members")).and_then(Value::as_array);
    let mut found = Vec::new();
    for path in members.context("the root Cargo.toml lists no members")?.iter().filter_map(Value::as_str) {
        found.push(member(path, &read(&root.join(path).join("Cargo.toml"))?)?);
    }
    Ok(judge(&found))
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not TOML", path.display()))
}

fn member(path: &str, manifest: &Table) -> anyhow::Result<Member> {
    let Some(layer) = Layer::of(path) else {
        bail!("{path} belongs to no layer: see ARCHITECTURE.md, then bin/xtask/src/tidy/layers.rs")
    };
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    let name = name.with_context(|| format!("{path}/Cargo.toml has no package name"))?.to_owned();
    let mut dependencies = Vec::new();
    collect(manifest, &mut dependencies);
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        targets.values().filter_map(Value::as_table).for_each(|target| collect(target, &mut dependencies));
    }
    let lints = manifest.get("lints");
    let inherits = lints.and_then(|lints| lints.get("workspace")).and_then(Value::as_bool) == Some(true);
    Ok(Member { path: path.to_owned(), name, layer, dependencies, unsafe_allowed: !inherits })
}

fn collect(table: &Table, into: &mut Vec<String>) {
    for section in ["dependencies", "build-dependencies"] {
        let Some(entries) = table.get(section).and_then(Value::as_table) else { continue };
        // A dependency may be renamed; what counts is the package.
        into.extend(
            entries.iter().map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()),
        );
    }
}

fn judge(members: &[Member]) -> Vec<String> {
    let layers: BTreeMap<&str, Layer> = members.iter().map(|member| (member.name.as_str(), member.layer)).collect();
    let mut faults = Vec::new();
    for member in members {
        for dependency in &member.dependencies {
            if let Some(why) = fault(member.layer, dependency, &layers) {
                faults.push(format!("{} must not depend on {dependency}: {why}", member.path));
            }
        }
        if member.unsafe_allowed && member.path != "adapters/sandbox" {
            faults.push(format!("{} must have `[lints] workspace = true`", member.path));
        }
    }
    faults
}

fn fault(layer: Layer, dependency: &str, layers: &BTreeMap<&str, Layer>) -> Option<String> {
    match layers.get(dependency) {
        Some(other) if layer.may_see().contains(other) => None,
        Some(other) => Some(format!("{layer:?} may see {:?} only, and this is {other:?}", layer.may_see())),
        None if layer.does_without().contains(&dependency) => Some("only edges and the binary know HTTP".into()),
        None => layer
            .makes_do_with()
            .filter(|few| !few.contains(&dependency))
            .map(|few| format!("this layer is pure and makes do with {}", few.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(list: &[(&str, &str)]) -> Vec<Member> {
        let parse = |(path, manifest): &(&str, &str)| member(path, &manifest.parse().unwrap()).unwrap();
        list.iter().map(parse).collect()
    }

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}")
    }

    #[test]
    fn this_workspace_keeps_the_rule() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(check(&root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_sees_an_adapter_is_found() {
        let adapter = manifest("a", "");
        for section in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let edge = manifest("e", &format!("[{section}]\na.workspace = true\n"));
            let faults = judge(&crates(&[("adapters/a", &adapter), ("edge/e", &edge)]));
            assert_eq!(faults.len(), 1, "{section}");
            assert!(faults[0].starts_with("edge/e must not depend on a: "), "{}", faults[0]);
        }
        let renamed = manifest("e", "[dependencies]\nother = { package = \"a\", path = \"../a\" }\n");
        assert_eq!(judge(&crates(&[("adapters/a", &adapter), ("edge/e", &renamed)])).len(), 1);
    }

    #[test]
    fn tests_may_see_what_the_crate_may_not() {
        let edge = manifest("e", "[dev-dependencies]\np.workspace = true\n");
        assert!(judge(&crates(&[("engine/ports", &manifest("p", "")), ("edge/e", &edge)])).is_empty());
    }

    #[test]
    fn the_core_is_pure_and_the_engine_knows_no_http() {
        let core = manifest("d", "[dependencies]\nserde = \"1\"\ntokio = \"1\"\n");
        let engine = manifest("e", "[dependencies]\nhttp = \"1\"\ntokio = \"1\"\n");
        let faults = judge(&crates(&[("core/decide", &core), ("engine/engine", &engine)]));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("tokio") && faults[1].contains("http"));
    }

    #[test]
    fn only_the_sandbox_may_set_its_own_lints() {
        let bare = "[package]\nname = \"x\"\n";
        assert!(judge(&crates(&[("adapters/sandbox", bare)])).is_empty());
        assert_eq!(judge(&crates(&[("adapters/store", bare)])).len(), 1);
    }

    #[test]
    fn a_crate_in_no_layer_is_refused() {
        let error = member("lib/misc", &manifest("m", "").parse().unwrap()).err().unwrap();
        assert!(error.to_string().contains("belongs to no layer"));
    }
}
