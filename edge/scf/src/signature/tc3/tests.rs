use super::*;
use proptest::prelude::*;

// The expected values were computed by a separate program from the published algorithm.
const SECRET: &str = "a-secret-of-tests";
const TIME: &str = "1700000000";

fn header(service: &str, signed_headers: &str, signature: &str) -> String {
    format!(
        "{ALGORITHM} Credential=ID/2023-11-14/{service}/tc3_request, SignedHeaders={signed_headers}, Signature={signature}"
    )
}

/// A POST of `{}` as JSON; the header texts are what arrived.
struct Arrived<'a> {
    method: &'a str,
    query: &'a str,
    host: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

const POST: Arrived<'static> = Arrived {
    method: "POST",
    query: "",
    host: "127.0.0.1:9400",
    headers: &[("content-type", "application/json")],
    body: b"{}",
};

fn accepts(header: &str, arrived: &Arrived<'_>) -> bool {
    let authorization = parse_authorization(header).unwrap();
    let canonical = Canonical {
        method: arrived.method,
        query: arrived.query,
        headers: arrived.headers,
        signed_headers: authorization.signed_headers,
        payload: payload_hash(arrived.body),
    };
    let key = SigningKey::derive(SECRET, authorization.date, authorization.service);
    verify(&authorization, &canonical, arrived.host, TIME, &key)
}

#[test]
fn a_post_of_the_python_client_is_accepted_and_reproduced() {
    let signature = "9c4fb6268ee8f742b8d2037662dd5381d823712f1a478e6742d158d901478f1d";
    let body = br#"{"FunctionName": "hello"}"#;
    let expected = header("scf", "content-type;host", signature);
    assert!(accepts(&expected, &Arrived { body, ..POST }));
    let outgoing = Outgoing {
        method: "POST",
        query: "",
        host: "127.0.0.1:9400",
        content_type: "application/json",
        body,
        timestamp: 1_700_000_000,
        service: "scf",
    };
    assert_eq!(sign("ID", SECRET, &outgoing), expected);
}

#[test]
fn a_changed_body_header_host_or_time_is_refused() {
    let signature = "9c4fb6268ee8f742b8d2037662dd5381d823712f1a478e6742d158d901478f1d";
    let signed = header("scf", "content-type;host", signature);
    let body = br#"{"FunctionName": "hello"}"#;
    let good = Arrived { body, ..POST };
    assert!(accepts(&signed, &good));
    assert!(!accepts(&signed, &Arrived { body: br#"{"FunctionName": "jello"}"#, ..POST }));
    assert!(!accepts(&signed, &Arrived { body, host: "127.0.0.2:9400", ..POST }));
    assert!(!accepts(&signed, &Arrived { body, headers: &[("content-type", "text/plain")], ..POST }));
    assert!(!accepts(&signed, &Arrived { body, query: "x=1", ..POST }));
    assert!(!accepts(&signed, &Arrived { body, method: "GET", ..POST }));
    assert!(!accepts(&signed.replace("/scf/", "/cls/"), &good));
    let authorization = parse_authorization(&signed).unwrap();
    let canonical = Canonical {
        method: "POST",
        query: "",
        headers: POST.headers,
        signed_headers: authorization.signed_headers,
        payload: payload_hash(body),
    };
    let key = SigningKey::derive(SECRET, authorization.date, authorization.service);
    assert!(!verify(&authorization, &canonical, POST.host, "1700000001", &key));
    let other = SigningKey::derive("another-secret", authorization.date, authorization.service);
    assert!(!verify(&authorization, &canonical, POST.host, TIME, &other));
}

#[test]
fn a_query_is_taken_as_it_is_on_the_wire() {
    let signature = "fe11218b8c493319c335a67d66fe6b4211b1344696e79561a5cb58a4e90b1a4a";
    let signed = header("scf", "content-type;host", signature);
    let get = |query| Arrived {
        method: "GET",
        query,
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: b"",
        ..POST
    };
    assert!(accepts(&signed, &get("Limit=2&Filters.0.Name=Status&Filters.0.Values.0=Active")));
    assert!(!accepts(&signed, &get("Filters.0.Name=Status&Filters.0.Values.0=Active&Limit=2")));
}

#[test]
fn a_host_header_with_a_scheme_stands_for_the_plain_one_too() {
    let signature = "9c4fb6268ee8f742b8d2037662dd5381d823712f1a478e6742d158d901478f1d";
    let body = br#"{"FunctionName": "hello"}"#;
    let arrived = Arrived { body, host: "http://127.0.0.1:9400", ..POST };
    assert!(accepts(&header("scf", "content-type;host", signature), &arrived));
}

#[test]
fn node_signs_the_host_without_its_port_and_a_label_as_service() {
    let signature = "330d22313b9e3f4301c8a26830023a97fe25031b523506bca4e9ff0ab6d5c41d";
    assert!(accepts(&header("127", "content-type;host", signature), &POST));
}

#[test]
fn hand_written_clients_sign_the_action_in_lower_case() {
    let signature = "c28abb999b3f5e760923d62f0506be2c5039f26b354ef9709387b358bb168c22";
    let headers = &[("content-type", "application/json"), ("x-tc-action", "ListFunctions")];
    assert!(accepts(&header("scf", "content-type;host;x-tc-action", signature), &Arrived { headers, ..POST }));
}

#[test]
fn an_unsigned_payload_is_signed_as_those_words() {
    let signature = "cde81b412b9528703b6af1838b47d4dcf5b2b7b7cd2b58217fc5f239656fcb75";
    let signed = header("scf", "content-type;host", signature);
    assert!(accepts(&signed, &Arrived { body: UNSIGNED_PAYLOAD.as_bytes(), ..POST }));
    assert!(!accepts(&signed, &POST));
}

#[test]
fn malformed_headers_say_what_is_wrong() {
    let hex = "0".repeat(64);
    let good = header("scf", "content-type;host", &hex);
    assert!(parse_authorization(&good).is_ok());
    for bad in [
        String::new(),
        "SKIP".to_owned(),
        good.replace("TC3-HMAC-SHA256", "HmacSHA1"),
        good.replace("ID/", ""),
        good.replace("/tc3_request", ""),
        good.replace("tc3_request", "tc4_request"),
        good.replace("2023-11-14", "20231114"),
        good.replace("content-type;host", "host"),
        good.replace("content-type;host", "content-type"),
        good.replace(&hex, "abc"),
        good.replace(&hex, &"g".repeat(64)),
        good.replace(", Signature", ", Signature=a, Signature"),
        good.replace(", SignedHeaders=content-type;host", ""),
    ] {
        assert!(parse_authorization(&bad).is_err(), "{bad}");
    }
}

#[test]
fn the_date_is_that_of_the_timestamp_in_utc() {
    assert!(is_date_of("2023-11-14", 1_700_000_000));
    assert!(!is_date_of("2023-11-15", 1_700_000_000));
    assert!(is_date_of("2023-11-15", 1_700_006_400));
    assert!(!is_date_of("2023-11-14", i64::MAX));
}

proptest! {
    #[test]
    fn parsing_never_panics_and_what_is_signed_verifies(text in ".{0,200}", host in "[a-z0-9.:/]{1,30}", body in ".{0,64}") {
        let _ = parse_authorization(&text);
        let outgoing = Outgoing {
            method: "POST", query: "", host: &host, content_type: "application/json",
            body: body.as_bytes(), timestamp: 1_700_000_000, service: "scf",
        };
        let header = sign("ID", SECRET, &outgoing);
        let arrived = Arrived { host: &host, body: body.as_bytes(), ..POST };
        prop_assert!(accepts(&header, &arrived));
    }
}
