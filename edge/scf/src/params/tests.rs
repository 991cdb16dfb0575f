use super::*;
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    limit: Option<i64>,
    #[serde(rename = "Override")]
    replace: Option<Flag>,
    weight: Option<f64>,
    filters: Option<Vec<Filter>>,
    vpc_config: Option<Map<String, Value>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: Option<String>,
    values: Option<Vec<String>>,
}

fn tree(fields: &[(&str, &str)]) -> Result<Params<'static>, ApiError> {
    let mut root = Node::default();
    for (key, value) in fields {
        root.insert(key, Node::Leaf((*value).to_owned()))?;
    }
    Ok(Params::Tree(root))
}

#[test]
fn flattened_parameters_read_as_their_json_does() {
    let flat = tree(&[
        ("Name", "hello"),
        ("Limit", "20"),
        ("Override", "True"),
        ("Weight", "0.5"),
        ("Filters.0.Name", "Status"),
        ("Filters.0.Values.0", "Active"),
        ("Filters.0.Values.10", "Creating"),
        ("Filters.0.Values.2", "Updating"),
        ("VpcConfig.VpcId", "vpc-1"),
        ("ShowTriggers", "TRUE"),
    ]);
    let json = br#"{"Name": "hello", "Limit": 20, "Override": true, "Weight": 0.5, "VpcConfig": {"VpcId": "vpc-1"},
        "Filters": [{"Name": "Status", "Values": ["Active", "Updating", "Creating"]}], "ShowTriggers": "TRUE"}"#;
    let from_flat: Request = flat.unwrap().read_owned().unwrap();
    let from_json: Request = Params::Json(json).read_owned().unwrap();
    assert_eq!(from_flat, from_json);
    assert_eq!(from_json.limit, Some(20));
}

#[test]
fn booleans_have_any_case() {
    for (text, value) in
        [("TRUE", true), ("true", true), ("True", true), ("FALSE", false), ("False", false), ("", false)]
    {
        let json = format!(r#"{{"Override": "{text}"}}"#);
        let read: Request = Params::Json(json.as_bytes()).read_owned().unwrap();
        assert_eq!(read.replace, Some(Flag(value)), "{text}");
        let read: Request = tree(&[("Override", text)]).unwrap().read_owned().unwrap();
        assert_eq!(read.replace, Some(Flag(value)), "{text}");
    }
    assert!(Params::Json(br#"{"Override": "maybe"}"#).read_owned::<Request>().is_err());
}

#[test]
fn a_wrong_type_names_the_field() {
    let error = Params::Json(br#"{"Name": "a", "Limit": "20"}"#).read_owned::<Request>().unwrap_err();
    assert_eq!(error.code, "InvalidParameter");
    assert!(error.message.contains("`Limit`"), "{}", error.message);
    let error = tree(&[("Limit", "many")]).unwrap().read_owned::<Request>().unwrap_err();
    assert_eq!(error.code, "InvalidParameter");
}

#[test]
fn a_body_that_is_no_json_object_is_an_invalid_request() {
    for body in [&b""[..], b"{", b"[1]", b"hello", b"{\"Name\": }", b"\xff"] {
        assert_eq!(Params::Json(body).read_owned::<Request>().unwrap_err().code, "InvalidRequest", "{body:?}");
    }
    assert_eq!(Params::Json(b" {} ").read_owned::<Request>().unwrap(), Request::default());
    let nulls = br#"{"Name": null, "Limit": null, "Filters": null}"#;
    assert_eq!(Params::Json(nulls).read_owned::<Request>().unwrap(), Request::default());
}

#[test]
fn contradicting_names_are_refused() {
    for fields in [&[("A", "1"), ("A.B", "2")][..], &[("A.B", "1"), ("A", "2")], &[("A", "1"), ("A", "2")]] {
        assert_eq!(tree(fields).unwrap_err().code, "InvalidParameter");
    }
    let deep = "A.".repeat(40);
    assert!(tree(&[(deep.as_str(), "1")]).is_err());
}

#[test]
fn text_borrows_unless_it_was_escaped() {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'a"))]
    struct One<'a> {
        plain: Text<'a>,
        escaped: Text<'a>,
    }
    let params = Params::Json(br#"{"plain": "{}", "escaped": "{\"a\": 1}"}"#);
    let one: One<'_> = params.read().unwrap();
    assert!(matches!(one.plain.0, std::borrow::Cow::Borrowed("{}")));
    assert_eq!(&*one.escaped, r#"{"a": 1}"#);
}

proptest! {
    #[test]
    fn reading_strange_trees_never_panics(fields in proptest::collection::vec(("[A-Z0-9.]{0,12}", ".{0,8}"), 0..12)) {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        if let Ok(params) = tree(&fields) {
            let _ = params.read_owned::<Request>();
            let _ = params.read_owned::<Value>();
        }
    }
}
