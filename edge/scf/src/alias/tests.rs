use super::*;
use sluice_domain::{Scope, Timestamp};

fn read(version: &str, routing: Value) -> Result<Route, ApiError> {
    Route::read(version, serde_json::from_value(routing).unwrap())
}

fn weighted(version: &str, weight: f64) -> Value {
    json!({ "AdditionalVersionWeights": [{ "Version": version, "Weight": weight }] })
}

fn alias(route: Route) -> Alias {
    let key = AliasKey {
        scope: Scope { account: "1".into(), region: "ap-guangzhou".into() },
        dialect: Dialect::Scf,
        namespace: "default".into(),
        function: Some("hello".into()),
        name: "prod".into(),
    };
    let mut alias = Alias {
        key,
        description: "kept".into(),
        target: AliasTarget::Latest,
        additional: vec![(9, 1)],
        attributes: Map::new(),
        version: 1,
        created: Timestamp(0),
        modified: Timestamp(0),
    };
    route.change(&mut alias, None);
    alias
}

#[test]
fn one_version_takes_every_call() {
    for none in [json!(null), json!({}), json!({ "AdditionalVersionWeights": [], "AddtionVersionMatchs": [] })] {
        let route = read("3", none).unwrap();
        assert_eq!((route.target, route.additional.as_slice()), (AliasTarget::Version(3), [].as_slice()));
    }
    assert_eq!(read("$LATEST", json!(null)).unwrap().target, AliasTarget::Latest);
    for unknown in ["latest", "01", "+1", "-1", "prod", "1.0"] {
        assert_eq!(read(unknown, json!(null)).unwrap_err().code, "ResourceNotFound.FunctionVersion", "{unknown}");
    }
}

#[test]
fn what_is_given_is_shown_again() {
    for (main, second, weight) in [
        ("1", "2", 0.1),
        ("1", "2", 0.0),
        ("1", "2", 1.0),
        ("$LATEST", "7", 0.35),
        ("7", "$LATEST", 0.1),
        ("7", "$LATEST", 1.0),
    ] {
        let shown = render(&alias(read(main, weighted(second, weight)).unwrap()));
        assert_eq!(shown["FunctionVersion"], main);
        let routing = &shown["RoutingConfig"];
        assert_eq!(routing["AdditionalVersionWeights"], json!([{ "Version": second, "Weight": weight }]));
        assert_eq!((&routing["AddtionVersionMatchs"], &shown["Description"]), (&json!([]), &json!("kept")));
    }
    let swapped = read("7", weighted("$LATEST", 0.25)).unwrap();
    assert_eq!((swapped.target, swapped.additional.as_slice()), (AliasTarget::Latest, [(7, 750_000)].as_slice()));
}

#[test]
fn two_versions_are_the_most_and_shares_are_fractions() {
    // spec: ALI-02
    let three = json!({ "AdditionalVersionWeights": [
        { "Version": "2", "Weight": 0.1 }, { "Version": "3", "Weight": 0.1 },
    ] });
    let refused = "InvalidParameterValue.AdditionalVersionWeights";
    assert_eq!(read("1", three).unwrap_err().code, refused);
    for weight in [-0.1, 1.1, 60.0] {
        assert_eq!(read("1", weighted("2", weight)).unwrap_err().code, refused, "{weight}");
    }
    assert_eq!(read("1", weighted("1", 0.5)).unwrap_err().code, refused);
    assert_eq!(read("$LATEST", weighted("$LATEST", 0.5)).unwrap_err().code, refused);
    let rules = json!({ "AddtionVersionMatchs": [{ "Version": "2", "Key": "invoke.headers.User", "Method": "exact", "Expression": "Bob" }] });
    assert_eq!(read("1", rules).unwrap_err().code, "UnsupportedOperation");
}
