//! GetAccount.

use crate::platform::Platform;
use serde_json::json;

#[tokio::test]
async fn regions_have_their_quota_and_share_nothing() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let large = platform.call_in("ap-guangzhou", "GetAccount", json!({})).await;
    // spec: QUO-02
    assert_eq!(large["AccountUsage"]["TotalConcurrencyMem"], 128_000);
    assert_eq!(large["AccountUsage"]["UserConcurrencyMemLimit"], 128_000);
    assert_eq!(large["AccountUsage"]["Namespace"][0]["Functions"], json!(["hello"]));
    let small = platform.call_in("ap-singapore", "GetAccount", json!({})).await;
    // spec: QUO-03
    assert_eq!(small["AccountUsage"]["TotalConcurrencyMem"], 64_000);
    assert_eq!(small["AccountUsage"]["Namespace"][0]["FunctionsCount"], 0);
    // spec: QUO-04
    assert_eq!(small["AccountLimit"]["NamespacesCount"], 5);
    let limit = &small["AccountLimit"]["Namespace"][0];
    for (field, value) in [
        ("FunctionsCount", 50),
        ("TimeoutLimit", 900),
        ("InitTimeoutLimit", 300),
        ("RetryNumLimit", 2),
        ("MinMsgTTL", 60),
        ("MaxMsgTTL", 21600),
    ] {
        assert_eq!(limit[field], value, "{field}");
    }
    assert_eq!((&limit["Trigger"]["Timer"], &limit["Trigger"]["Total"]), (&json!(10), &json!(110)));
}
