use super::*;
use crate::{InvokeRequest, fixture::World};
use bytes::Bytes;
use sluice_domain::Dialect;
use std::collections::HashSet;

/// Every line is a comment or a sample; every series is there once and follows the line that gives its type.
fn check(text: &str) -> HashSet<&str> {
    let mut series = HashSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.insert(name), "{name} is there twice");
            assert_eq!(name.split('{').next().unwrap(), family, "{line}");
        }
    }
    series
}

#[tokio::test]
async fn versions_and_limits_have_gauges() {
    let world = World::of(Dialect::Scf).await;
    world.create("hello").await;
    world.publish("hello").await;
    for qualifier in ["$LATEST", "1"] {
        let (key, request_id) = (world.key("hello"), world.engine.request_id());
        let request =
            InvokeRequest { key, qualifier: qualifier.into(), request_id, payload: Bytes::from_static(b"{}") };
        assert!(world.engine.invoke(request).await.unwrap().is_success());
    }
    let text = world.engine.metrics_text();
    let series = check(&text);
    let of = |name: &str, version: &str| {
        let scope = "account=\"1250000000\",region=\"ap-guangzhou\",dialect=\"scf\"";
        format!("sluice_{name}{{{scope},namespace=\"default\",function=\"hello\",version=\"{version}\"}}")
    };
    for version in ["$LATEST", "1"] {
        // spec: CON-13 (by function and version)
        assert!(text.contains(&format!("{} 0\n", of("concurrent_executions", version))), "{text}");
        // spec: PRO-21
        assert!(series.contains(of("provisioned_target", version).as_str()));
        assert!(series.contains(of("provisioned_ready", version).as_str()));
    }
    let limit = "account=\"1250000000\",region=\"ap-guangzhou\",dialect=\"scf\",kind=\"region\",unit=\"MB\"";
    assert!(text.contains(&format!("sluice_limit{{{limit}}} 128000\n")), "{text}");
    assert!(text.contains(&format!("sluice_limit_used{{{limit}}} 0\n")), "{text}");
}

#[tokio::test]
async fn refusals_are_counted_by_their_limit() {
    let world = World::of(Dialect::Scf).await;
    world.create("hello").await;
    world.engine.put_reserved(&world.key("hello"), 0).await.unwrap();
    for _ in 0..3 {
        let (key, request_id) = (world.key("hello"), world.engine.request_id());
        let request = InvokeRequest { key, qualifier: String::new(), request_id, payload: Bytes::from_static(b"{}") };
        assert!(world.engine.invoke(request).await.unwrap().failure().is_some());
    }
    let text = world.engine.metrics_text();
    check(&text);
    // spec: OVL-07 (the metric)
    assert!(text.contains("sluice_throttles_total 3\n"), "{text}");
    assert!(text.contains("sluice_throttles_by_limit_total{limit=\"reserved\"} 3\n"), "{text}");
    assert!(text.contains("sluice_throttles_by_limit_total{limit=\"account\"} 0\n"), "{text}");
    assert!(text.contains("sluice_errors_total 0\n"), "{text}");
}

#[test]
fn what_bears_one_name_is_one_series() {
    let pool = PoolView {
        account: "1".into(),
        region: "r".into(),
        dialect: Dialect::Fc,
        namespace: "s".into(),
        function: "f".into(),
        version: "LATEST".into(),
        memory_mb: 128,
        concurrency: 1,
        instances: 2,
        starting: 0,
        busy: 2,
        idle: 0,
        in_flight: 2,
        waiting: 0,
        provisioned_target: 0,
        provisioned_ready: 0,
        keep_alive_s: 60.0,
        keep_alive_why: "fixed".into(),
    };
    let unused = PoolView { version: "7".into(), instances: 0, ..pool.clone() };
    let node = |name: &str, limit, used| LimitView {
        kind: "function",
        name: name.into(),
        namespace: "s".into(),
        unit: "MB",
        limit,
        used,
    };
    let limits = vec![node("f", Some(512), 128), node("f", None, 256), node("g", None, 1)];
    let scope = ScopeLimits {
        account: "1".into(),
        region: "r".into(),
        dialect: Dialect::Fc,
        reservable_mb: None,
        provisionable_mb: None,
        limits,
    };
    let mut out = Text::default();
    versions(&mut out, &[pool.clone(), unused, pool]);
    super::limits(&mut out, &[scope]);
    check(&out.0);
    let line = |text: &str| assert!(out.0.contains(text), "{text} is not in\n{}", out.0);
    let f = "account=\"1\",region=\"r\",dialect=\"fc\",namespace=\"s\",function=\"f\"";
    line(&format!("sluice_concurrent_executions{{{f},version=\"LATEST\"}} 4\n"));
    assert!(!out.0.contains("version=\"7\""), "a version without instances is not shown");
    let f = "account=\"1\",region=\"r\",dialect=\"fc\",kind=\"function\",namespace=\"s\"";
    line(&format!("sluice_limit{{{f},name=\"f\",unit=\"MB\"}} 512\n"));
    line(&format!("sluice_limit_used{{{f},name=\"f\",unit=\"MB\"}} 384\n"));
    assert!(!out.0.contains(&format!("sluice_limit{{{f},name=\"g\"")), "no limit is no series");
}

#[test]
fn names_are_quoted() {
    assert_eq!(labels(&[("a", "x\"y\\z\n"), ("b", ""), ("c", "1")]), "{a=\"x\\\"y\\\\z\\n\",c=\"1\"}");
    assert_eq!(labels(&[]), "");
}
