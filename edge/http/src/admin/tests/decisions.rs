//! Limits and their use, the clock, previews, plans and receipts.

use super::*;
use sluice_domain::{ProvisionConfig, Timestamp};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// Stands still until it is moved.
struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst) as u64)
    }
    fn is_virtual(&self) -> bool {
        true
    }
    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

async fn standing() -> Api {
    api_with(Arc::new(StandingClock(1_700_000_000_000.into()))).await
}

#[tokio::test]
async fn a_real_clock_is_shown_and_not_moved() {
    let api = api().await;
    let shown = api.get("/admin/v1/clock").await;
    assert_eq!(shown, json!({ "mode": "real", "now": "2023-11-14T22:13:20Z", "unix_ms": 1_700_000_000_000_i64 }));
    let (status, answer) = api.json(Method::POST, "/admin/v1/clock/advance", r#"{"seconds": 60}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("Unsupported")));
    assert!(answer["error"]["message"].as_str().unwrap().contains("--clock virtual"), "{answer}");
}

#[tokio::test]
async fn a_virtual_clock_is_moved_and_what_is_due_has_happened() {
    let api = standing().await;
    api.create("hello").await;
    api.invoke("hello").await;
    assert_eq!(api.get("/admin/v1/instances").await["instances"].as_array().unwrap().len(), 1);
    let shown = api.post("/admin/v1/clock/advance", json!({ "seconds": 7 * 86_400, "running": "age" })).await;
    assert_eq!((&shown["mode"], &shown["now"]), (&json!("virtual"), &json!("2023-11-21T22:13:20Z")));
    assert_eq!(api.get("/admin/v1/clock").await, shown);
    assert_eq!(api.get("/admin/v1/instances").await["instances"], json!([]), "the idle instance was reclaimed");
    let cold = api.invoke("hello").await;
    let explained = api.get(&format!("/admin/v1/explain/{cold}")).await;
    assert_eq!((&explained["outcome"], &explained["refusal"]), (&json!("success"), &Value::Null));
    assert_eq!(explained["cold_start"]["reason"], "reclaimed", "{explained}");
    assert!(explained["cold_start"]["idle_ms"].as_u64().unwrap() > 0);
    for wrong in [r#"{"seconds": -1}"#, r#"{"seconds": "1"}"#, r#"{"seconds": 1, "running": "stop"}"#, "{}", "[]", ""] {
        let message = api.refused(Method::POST, "/admin/v1/clock/advance", wrong).await;
        assert!(message.contains(r#"{"seconds": 60, "running": "hold"}"#), "{message}");
    }
    let far = api.refused(Method::POST, "/admin/v1/clock/advance", r#"{"seconds": 999999999999}"#).await;
    assert!(far.contains("999999999999") && far.contains("at most"), "{far}");
}

#[tokio::test]
async fn a_preview_says_what_schedules_will_do() {
    let api = standing().await;
    let key = api.create("hello").await;
    api.engine.publish_version(&key, String::new()).await.unwrap();
    let action = |name: &str, cron: &str, target| sluice_domain::ScheduledAction {
        name: name.into(),
        expression: cron.into(),
        target,
        from: None,
        until: None,
        time_zone: None,
    };
    let actions = vec![action("up", "0 0 8 * * * *", 3), action("down", "0 0 20 * * * *", 0)];
    let config = ProvisionConfig { actions, ..ProvisionConfig::default() };
    api.engine.put_provision(&key, "1", None, config).await.unwrap();
    let answer = api.post("/admin/v1/preview", json!({ "from": "2023-11-16T00:00:00+08:00", "seconds": 86_400 })).await;
    assert_eq!((&answer["from"], &answer["until"]), (&json!("2023-11-15T16:00:00Z"), &json!("2023-11-16T16:00:00Z")));
    let only = &answer["provisions"][0];
    assert_eq!((&only["function"], &only["qualifier"], &only["target"]), (&json!("hello"), &json!("1"), &json!(0)));
    let changes: Vec<_> = only["changes"].as_array().unwrap().iter().map(|one| (&one["at"], &one["target"])).collect();
    assert_eq!(
        changes,
        [(&json!("2023-11-16T00:00:00Z"), &json!(3)), (&json!("2023-11-16T12:00:00Z"), &json!(0))],
        "8 and 20 o'clock in Shanghai"
    );
    for (wrong, said) in [
        (r#"{"seconds": 31622401}"#, "31622401 seconds are too many"),
        (r#"{"seconds": 1, "from": "tomorrow"}"#, "from 'tomorrow' cannot be read"),
        (r#"{"seconds": 1, "from": "2001-01-01T00:00:00Z"}"#, "before now"),
        ("{}", "the body must be like"),
    ] {
        let message = api.refused(Method::POST, "/admin/v1/preview", wrong).await;
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn plans_follow_the_guides() {
    let api = api().await;
    let plan = |known: Value| api.post("/admin/v1/plan", known);
    // spec: CON-08
    assert_eq!(plan(json!({ "requests_per_s": 2000, "duration_s": 0.02 })).await, json!({ "concurrency": 40.0 }));
    // spec: BUR-07
    assert_eq!(
        plan(json!({ "target_instances": 50_000, "starts_per_min": 500 })).await,
        json!({ "minutes_to_scale": 100.0 })
    );
    // spec: FOD-11
    assert_eq!(
        plan(json!({ "duration_s": 0.1, "instance_concurrency": 2, "instances": 5 })).await,
        json!({ "requests_per_s": 100.0 })
    );
    for (wrong, said) in [
        ("{}", "nothing can be said from this"),
        (r#"{"instances": 5}"#, "nothing can be said from this"),
        (r#"{"requests_per_s": -1, "duration_s": 1}"#, "requests per second -1 is not possible"),
        (r#"{"target_instances": 5, "starts_per_min": 0}"#, "give 1 or more"),
        (r#"{"requests": 5}"#, "unknown field `requests`"),
    ] {
        let message = api.refused(Method::POST, "/admin/v1/plan", wrong).await;
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn limits_show_what_holds_them_and_a_refusal_is_explained() {
    let api = api().await;
    let key = api.create("hello").await;
    let (status, _) =
        api.json(Method::PATCH, "/admin/v1/regions/ap-guangzhou/quota", r#"{"concurrency_mb": 128}"#).await;
    assert_eq!(status, StatusCode::OK);
    api.backend.hold.store(true, Ordering::SeqCst);
    let (running, release) = (api.invoke("hello"), async {
        while api.engine.pools()[0].in_flight == 0 {
            tokio::task::yield_now().await;
        }
        let limits = api.get("/admin/v1/limits").await;
        let of = |kind: &str, unit: &str| {
            let all = limits["scopes"][0]["limits"].as_array().unwrap().clone();
            all.into_iter().find(|one| one["kind"] == kind && one["unit"] == unit).unwrap()
        };
        assert_eq!((&of("region", "MB")["limit"], &of("region", "MB")["used"]), (&json!(128), &json!(128)));
        let function = of("function", "MB");
        assert_eq!((&function["namespace"], &function["name"]), (&json!("default"), &json!("hello")));
        assert_eq!((&function["limit"], &function["used"]), (&Value::Null, &json!(128)));
        let pools = api.get("/admin/v1/pools").await;
        assert_eq!((&pools["versions"][0]["busy"], &pools["versions"][0]["in_flight"]), (&json!(1), &json!(1)));
        let refused = api.invoke("hello").await;
        api.backend.release();
        refused
    });
    let (_, refused) = tokio::join!(running, release);
    let explained = api.get(&format!("/admin/v1/explain/{refused}")).await;
    assert_eq!((&explained["outcome"], &explained["cold_start"]), (&json!("refused"), &Value::Null));
    let refusal = &explained["refusal"];
    let facts = (&refusal["throttle"], &refusal["limit"], &refusal["used"], &refusal["scope"]);
    assert_eq!(facts, (&json!("account"), &json!(128), &json!(128), &Value::Null));
    assert_eq!(refusal["holders"], json!([{ "name": "hello", "used": 128 }]));
    let record = api.get(&format!("/admin/v1/invocations/{refused}")).await;
    assert_eq!(record["failure"]["refusal"], *refusal, "the record has the whole receipt");
    api.engine.put_reserved(&key, 0).await.unwrap();
    let stopped = api.invoke("hello").await;
    let explained = api.get(&format!("/admin/v1/explain/{stopped}")).await;
    assert_eq!((&explained["refusal"]["retry"], &explained["retry_after_ms"]), (&json!("never"), &Value::Null));
    assert_eq!(explained["refusal"]["scope"], "hello");
    assert!(api.get("/admin/v1/usage").await["versions"][0]["on_demand_ms"].is_u64());
    let (status, unknown) = api.json(Method::GET, "/admin/v1/explain/nothing", "").await;
    assert_eq!((status, &unknown["error"]["code"]), (StatusCode::NOT_FOUND, &json!("NotFound")));
    assert!(unknown["error"]["message"].as_str().unwrap().contains("'nothing'"));
}
