use super::*;

fn version(name: &str, instances: u64, in_flight: u64, target: u64) -> Value {
    json!({
        "account": "1", "region": "ap-guangzhou", "dialect": "scf", "namespace": "default", "function": name,
        "version": "$LATEST", "memory_mb": 128, "instances": instances, "busy": in_flight, "idle": instances - in_flight,
        "starting": 0, "in_flight": in_flight, "waiting": 0, "provisioned_ready": 0, "provisioned_target": target,
        "keep_alive_s": 60.0, "keep_alive_why": "fixed",
    })
}

fn moment() -> Moment {
    let limit = |kind: &str, name: &str, limit: Value, used: u64| json!({ "kind": kind, "name": name, "namespace": "", "unit": "MB", "limit": limit, "used": used });
    let limits = json!([
        limit("region", "", json!(1000), 256),
        limit("provisioned_burst", "", Value::Null, 0),
        limit("namespace", "default", Value::Null, 256),
        limit("function", "stopped", json!(0), 0),
    ]);
    Moment {
        clock: json!({ "mode": "virtual", "now": "2026-01-01T00:00:00Z" }),
        scopes: json!([{ "account": "1", "region": "ap-guangzhou", "dialect": "scf", "limits": limits }]),
        versions: json!([
            version("quiet", 0, 0, 0),
            version("a", 1, 0, 0),
            version("b", 3, 2, 0),
            version("p", 0, 0, 2)
        ]),
        blanks: json!([{ "pool": "python3", "ready": 1, "target": 2 }]),
        sandboxes: json!({ "ready": 3, "target": 4 }),
        counters: [("invocations_total".to_owned(), 7.0)].into(),
    }
}

fn lines(all: bool, room: Option<Size>) -> Vec<String> {
    Frame { moment: &moment(), rates: None, address: "http://here", all }.lines(room)
}

fn place(lines: &[String], text: &str) -> usize {
    lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no '{text}' in {lines:#?}"))
}

#[test]
fn a_frame_has_limits_versions_and_what_is_ready() {
    let lines = lines(false, None);
    assert_eq!(lines[0], "sluice at http://here, 2026-01-01T00:00:00Z (virtual clock)");
    assert!(lines[1].starts_with("calls 7 in all, cold starts 0 in all"), "{}", lines[1]);
    assert_eq!(lines[2], "ready ahead: python3 1/2, sandboxes 3/4");
    let region = &lines[place(&lines, " region ")];
    assert!(region.contains("256") && region.contains("1000") && region.ends_with("25 %"), "{region}");
    assert!(lines[place(&lines, "stopped")].contains(" 0 "), "a limit of 0 is a limit");
    assert!(!lines.iter().any(|line| line.contains("provisioned burst") || line.contains("quiet")), "{lines:#?}");
    assert!(place(&lines, "default/b:$LATEST") < place(&lines, "default/a:$LATEST"), "the busiest first");
    assert!(lines[place(&lines, "default/p:$LATEST")].contains("0/2"));
}

#[test]
fn all_is_all() {
    let lines = lines(true, None);
    place(&lines, "default/quiet:$LATEST");
    let namespace = &lines[place(&lines, " namespace ")];
    assert!(namespace.contains("256") && namespace.contains('-'), "{namespace}");
}

#[test]
fn a_frame_fits_into_its_room() {
    for rows in 9..30 {
        let lines = lines(true, Some(Size { rows, columns: 80 }));
        assert!(lines.len() <= rows, "{} lines in {rows} rows: {lines:#?}", lines.len());
        assert!(rows < 12 || lines.iter().any(|line| line.contains("default/b")), "{lines:#?}");
    }
    let some = lines(true, Some(Size { rows: 12, columns: 80 }));
    place(&some, "... and ");
}

#[test]
fn programs_get_the_same() {
    let moment = moment();
    let shown = Frame { moment: &moment, rates: None, address: "", all: false }.json();
    let names: Vec<_> = array(&shown["versions"]).iter().map(|one| text(one, "function")).collect();
    assert_eq!(names, ["b", "a", "p"]);
    assert_eq!((&shown["clock"], &shown["rates"]), (&json!("virtual"), &Value::Null));
    assert_eq!((&shown["pools"][0]["ready"], &shown["totals"]["invocations_total"]), (&json!(1), &json!(7.0)));
}
