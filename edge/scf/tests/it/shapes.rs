//! Every shape and signature a client may send, and the refusals before any action.

use crate::platform::{HOST, ID, NOW, Platform, SECRET, code_of, common_headers, post};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use sluice_scf::{
    claims,
    signature::{
        tc3::{self, Outgoing},
        v1,
    },
};
use std::{borrow::Cow, time::Duration};

fn outgoing<'a>(method: &'a str, query: &'a str, content_type: &'a str, body: &'a [u8]) -> Outgoing<'a> {
    Outgoing { method, query, host: HOST, content_type, body, timestamp: NOW, service: "scf" }
}

/// A TC3 request of any shape.
fn tc3_request(action: &str, request: &Outgoing<'_>) -> Request<Bytes> {
    let question = if request.query.is_empty() { "" } else { "?" };
    common_headers(action)
        .method(request.method)
        .uri(format!("/{question}{}", request.query))
        .header("Content-Type", request.content_type)
        .header("Authorization", tc3::sign(ID, SECRET, request))
        .body(Bytes::copy_from_slice(request.body))
        .unwrap()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["Namespaces"].as_array().unwrap().iter().map(|found| found["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_signed_json_post_is_answered() {
    let platform = Platform::new().await;
    let body = json!({}).to_string();
    let request = post("ListNamespaces", body.clone()).body(Bytes::from(body)).unwrap();
    assert_eq!(names(&platform.send(request).await), ["default"]);
}

#[tokio::test]
async fn the_question_mark_of_an_empty_query_is_no_matter() {
    let platform = Platform::new().await;
    let mut request = tc3_request("ListNamespaces", &outgoing("POST", "", "application/json", b"{}"));
    *request.uri_mut() = "/?".parse().unwrap();
    assert_eq!(names(&platform.send(request).await), ["default"]);
}

#[tokio::test]
async fn a_get_has_its_parameters_flattened_in_the_query() {
    let platform = Platform::new().await;
    let query = "Offset=0&SearchKey.0.Value=def&SearchKey.0.Key=Namespace&Limit=5";
    let request = tc3_request("ListNamespaces", &outgoing("GET", query, "application/x-www-form-urlencoded", b""));
    assert_eq!(names(&platform.send(request).await), ["default"]);
}

#[tokio::test]
async fn a_form_post_and_a_multipart_post_are_read() {
    let platform = Platform::new().await;
    let form = outgoing("POST", "", "application/x-www-form-urlencoded", b"Limit=5");
    assert_eq!(names(&platform.send(tc3_request("ListNamespaces", &form)).await), ["default"]);
    let body = b"--b0\r\nContent-Disposition: form-data; name=\"Limit\"\r\n\r\n0\r\n--b0--\r\n";
    let multipart = outgoing("POST", "", "multipart/form-data; boundary=b0", body);
    assert!(names(&platform.send(tc3_request("ListNamespaces", &multipart)).await).is_empty());
}

#[tokio::test]
async fn an_octet_stream_is_the_event() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let request = outgoing("POST", "", "application/octet-stream", br#"{"a": 1}"#);
    let mut request = tc3_request("InvokeFunction", &request);
    request.headers_mut().insert("FunctionName", "hello".parse().unwrap());
    assert_eq!(platform.send(request).await["Result"]["RetMsg"], r#"{"a": 1}"#);
    let other = tc3_request("ListNamespaces", &outgoing("POST", "", "application/octet-stream", b"x"));
    assert_eq!(code_of(&platform.send(other).await), "UnsupportedProtocol");
}

fn v1_fields(action: &'static str, method: &'static str) -> Vec<v1::Pair<'static>> {
    let time = NOW.to_string();
    let fixed = [
        ("Action", action),
        ("Version", "2018-04-16"),
        ("Region", "ap-guangzhou"),
        ("SecretId", ID),
        ("Nonce", "4711"),
        ("SignatureMethod", method),
        ("RequestClient", "SDK_PYTHON_3.1.140"),
        ("Description", "a b"),
    ];
    let mut fields: Vec<v1::Pair<'static>> =
        fixed.into_iter().map(|(key, value)| (Cow::Borrowed(key), Cow::Borrowed(value))).collect();
    fields.push(("Timestamp".into(), time.into()));
    fields
}

fn v1_request(http_method: &str, fields: &[v1::Pair<'_>], method: v1::Method, secret: &str) -> Request<Bytes> {
    let signature = v1::sign(method, secret, http_method, HOST, fields);
    let mut text = format!("Signature={}", signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
    for (key, value) in fields {
        text.push_str(&format!("&{key}={}", value.replace(' ', "+")));
    }
    let request = Request::builder().method(http_method).header("Host", HOST);
    match http_method {
        "GET" => request.uri(format!("/?{text}")).body(Bytes::new()).unwrap(),
        _ => request
            .uri("/")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(Bytes::from(text))
            .unwrap(),
    }
}

#[tokio::test]
async fn version_1_signatures_work_by_form_and_by_query() {
    let platform = Platform::new().await;
    for (name, method) in [("HmacSHA1", v1::Method::HmacSha1), ("HmacSHA256", v1::Method::HmacSha256)] {
        for http_method in ["POST", "GET"] {
            let request = v1_request(http_method, &v1_fields("ListFunctions", name), method, SECRET);
            assert!(claims(&request.clone().into_parts().0));
            assert_eq!(platform.send(request).await["TotalCount"], 0, "{name} {http_method}");
        }
    }
    let forged = v1_request("POST", &v1_fields("ListFunctions", "HmacSHA1"), v1::Method::HmacSha1, "wrong");
    assert_eq!(code_of(&platform.send(forged).await), "AuthFailure.SignatureFailure");
    let mut with_token = v1_fields("ListFunctions", "HmacSHA1");
    with_token.push(("Token".into(), "session".into()));
    let request = v1_request("POST", &with_token, v1::Method::HmacSha1, SECRET);
    assert_eq!(code_of(&platform.send(request).await), "AuthFailure.TokenFailure");
}

#[tokio::test]
async fn an_unsigned_payload_may_have_any_body() {
    let platform = Platform::new().await;
    let signed = outgoing("POST", "", "application/json", b"UNSIGNED-PAYLOAD");
    let mut request = tc3_request("ListNamespaces", &signed);
    *request.body_mut() = Bytes::from_static(br#"{"Limit": 1}"#);
    assert_eq!(code_of(&platform.send(request.clone()).await), "AuthFailure.SignatureFailure");
    request.headers_mut().insert("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD".parse().unwrap());
    assert_eq!(names(&platform.send(request).await), ["default"]);
}

#[tokio::test]
async fn wrong_old_and_changed_requests_are_refused() {
    let platform = Platform::new().await;
    let good = tc3_request("ListNamespaces", &outgoing("POST", "", "application/json", b"{}"));
    let refused = async |change: &dyn Fn(&mut Request<Bytes>)| {
        let mut request = good.clone();
        change(&mut request);
        code_of(&platform.send(request).await)
    };
    let header = |name: &'static str, value: &'static str| {
        move |request: &mut Request<Bytes>| {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    };
    let body = |request: &mut Request<Bytes>| *request.body_mut() = Bytes::from_static(b"{ }");
    assert_eq!(refused(&body).await, "AuthFailure.SignatureFailure");
    assert_eq!(refused(&header("host", "127.0.0.1:9401")).await, "AuthFailure.SignatureFailure");
    assert_eq!(refused(&header("content-type", "text/plain")).await, "UnsupportedProtocol");
    assert_eq!(refused(&header("x-tc-timestamp", "1700000001")).await, "AuthFailure.SignatureFailure");
    assert_eq!(refused(&header("x-tc-timestamp", "soon")).await, "InvalidParameter");
    assert_eq!(refused(&header("x-tc-token", "session")).await, "AuthFailure.TokenFailure");
    assert_eq!(refused(&header("authorization", "SKIP")).await, "AuthFailure.InvalidAuthorization");
    let unsigned = |request: &mut Request<Bytes>| drop(request.headers_mut().remove("authorization"));
    assert_eq!(refused(&unsigned).await, "AuthFailure.InvalidAuthorization");
    let no_action = |request: &mut Request<Bytes>| drop(request.headers_mut().remove("x-tc-action"));
    assert_eq!(refused(&no_action).await, "MissingParameter");
    let put = |request: &mut Request<Bytes>| *request.method_mut() = Method::PUT;
    assert_eq!(refused(&put).await, "UnsupportedProtocol");
    let stranger = |request: &mut Request<Bytes>| {
        let value = tc3::sign("AKIDunknown", SECRET, &outgoing("POST", "", "application/json", b"{}"));
        request.headers_mut().insert("authorization", value.parse().unwrap());
    };
    assert_eq!(refused(&stranger).await, "AuthFailure.SecretIdNotFound");
    platform.clock.advance(Duration::from_secs(300));
    assert_eq!(names(&platform.send(good.clone()).await), ["default"]);
    platform.clock.advance(Duration::from_secs(1));
    assert_eq!(code_of(&platform.send(good).await), "AuthFailure.SignatureExpire");
}

#[tokio::test]
async fn a_timestamp_of_another_day_than_the_credential_is_refused() {
    let platform = Platform::new().await;
    let tomorrow = Outgoing { timestamp: NOW + 86_400, ..outgoing("POST", "", "application/json", b"{}") };
    assert_eq!(code_of(&platform.send(tc3_request("ListNamespaces", &tomorrow)).await), "AuthFailure.SignatureFailure");
}

#[tokio::test]
async fn unknown_actions_versions_and_products_are_told_apart() {
    let platform = Platform::new().await;
    assert_eq!(platform.refused("GetDemoAddress", json!({})).await, "InvalidAction");
    assert_eq!(platform.refused("CreateTrigger", json!({})).await, "UnsupportedOperation");
    let of_version = async |version: &'static str| {
        let mut request = tc3_request("SearchLog", &outgoing("POST", "", "application/json", b"{}"));
        request.headers_mut().insert("X-TC-Version", version.parse().unwrap());
        code_of(&platform.send(request).await)
    };
    assert_eq!(of_version("2020-10-16").await, "NoSuchProduct");
    assert_eq!(of_version("2011-01-01").await, "NoSuchVersion");
    let answer = platform.call_in("no such region!", "ListNamespaces", json!({})).await;
    assert_eq!(code_of(&answer), "UnsupportedRegion");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_an_invalid_request() {
    let platform = Platform::new().await;
    let request = tc3_request("ListNamespaces", &outgoing("POST", "", "application/json", b"hello"));
    assert_eq!(code_of(&platform.send(request).await), "InvalidRequest");
    let wrong = platform.call("ListFunctions", json!({ "Limit": "20" })).await;
    assert_eq!(code_of(&wrong), "InvalidParameter");
    assert!(wrong["Error"]["Message"].as_str().unwrap().contains("Limit"));
    assert_eq!(platform.refused("InvokeFunction", json!({ "FunctionName": 7 })).await, "InvalidParameter");
}

#[test]
fn claims_are_by_path_and_by_what_looks_like_api_3() {
    let parts = |request: http::request::Builder| request.body(()).unwrap().into_parts().0;
    assert!(claims(&parts(Request::get("/?Limit=1&Action=ListFunctions"))));
    assert!(claims(&parts(Request::post("/").header("X-TC-Action", "ListFunctions"))));
    assert!(claims(&parts(Request::post("/").header("Content-Type", "application/x-www-form-urlencoded"))));
    assert!(!claims(&parts(Request::get("/"))));
    assert!(!claims(&parts(Request::post("/").header("Content-Type", "application/json"))));
    assert!(!claims(&parts(Request::post("/2016-08-15/services").header("X-TC-Action", "ListFunctions"))));
}
