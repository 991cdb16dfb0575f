use super::*;
use serde_json::json;

fn given(body: serde_json::Value) -> Result<Given, ApiError> {
    Given::read(&Params::Json(body.to_string().as_bytes()))
}

fn refusal(body: serde_json::Value) -> &'static str {
    given(body).unwrap_err().code
}

#[test]
fn a_package_comes_nested_or_at_the_top() {
    for body in [
        json!({ "Code": { "ZipFile": "UEsDBA==" } }),
        json!({ "ZipFile": "UEsDBA==", "CodeSource": "ZipFile" }),
        json!({ "ZipFile": "UEsDBA" }),
        json!({ "ZipFile": "UEsD\nBA==\n" }),
    ] {
        assert!(matches!(given(body), Ok(Given::Package(bytes)) if bytes == b"PK\x03\x04"[..]));
    }
    assert!(matches!(given(json!({ "FunctionName": "a" })), Ok(Given::Nothing)));
}

#[test]
fn bad_sources_have_their_codes() {
    assert_eq!(refusal(json!({ "Code": { "ZipFile": "%%%" } })), "InvalidParameterValue.ZipFileBase64BinasciiError");
    assert_eq!(refusal(json!({ "Code": {} })), "InvalidParameterValue.Code");
    assert_eq!(refusal(json!({ "Code": { "ZipFile": "UEs=", "DemoId": "demo-1" } })), "InvalidParameterValue.Code");
    assert_eq!(refusal(json!({ "CodeSource": "Floppy" })), "InvalidParameterValue.CodeSource");
    for elsewhere in [
        json!({ "Code": { "CosBucketName": "b", "CosObjectName": "o" } }),
        json!({ "CosBucketName": "b", "CosObjectName": "o" }),
        json!({ "Code": { "DemoId": "demo-1" } }),
        json!({ "Code": { "GitUrl": "https://example.test/x.git" } }),
        json!({ "Code": { "ImageConfig": { "ImageType": "personal" } } }),
    ] {
        assert_eq!(refusal(elsewhere), "UnsupportedOperation");
    }
}

#[test]
fn inline_code_is_one_file_named_after_the_handler() {
    // spec: DEP-03
    let source = "def main(event, context):\n    return 1\n";
    let encoded = BASE64.encode(source);
    for text in [source, encoded.as_str()] {
        let given = given(json!({ "CodeSource": "Inline", "ZipFile": text })).unwrap();
        let Some(CodeSource::Inline { file, content }) = given.source("Python3.7", "app.main").unwrap() else {
            panic!("not inline")
        };
        assert_eq!((file.as_str(), &content[..]), ("app.py", source.as_bytes()));
    }
    let zip = given(json!({ "CodeSource": "Inline", "ZipFile": "UEsDBA==" })).unwrap();
    assert!(matches!(zip, Given::Package(_)));
    // spec: FUN-41
    for compiled in ["Go1", "Java8"] {
        let given = given(json!({ "CodeSource": "Inline", "ZipFile": source })).unwrap();
        assert_eq!(given.source(compiled, "main").unwrap_err().code, "InvalidParameterValue.InlineZipFile");
    }
}
