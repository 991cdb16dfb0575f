//! Quota profiles: every number of the vendors' documents as data that an operator can change.

use crate::{Dialect, Error, Field, Region, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The named profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Profile {
    #[serde(rename = "scf-128")]
    Scf128,
    #[serde(rename = "scf-64")]
    Scf64,
    #[serde(rename = "cloudbase-personal")]
    CloudbasePersonal,
    #[serde(rename = "cloudbase-enterprise")]
    CloudbaseEnterprise,
    #[serde(rename = "fc")]
    Fc,
    #[serde(rename = "azure-consumption")]
    AzureConsumption,
    #[serde(rename = "azure-dedicated")]
    AzureDedicated,
}

/// How fast target tracking lowers a number (spec: C15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingStep {
    /// To what the load asks for.
    Full,
    /// By a tenth, and at least one, each time.
    Gradual,
}

/// The limits of one account in one region and one dialect. `None` means no limit.
///
/// Field names are the keys of `GET|PATCH /admin/v1/regions/{region}/quota`; units are in the names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaProfile {
    pub profile: Profile,
    pub concurrency_mb: Option<u64>,
    /// What the account has bought: how far a user may raise the total. An operator's change raises it along, where the
    /// cloud sells more.
    pub concurrency_max_mb: Option<u64>,
    pub on_demand_instances: Option<u64>,
    pub unallocatable_mb: Option<u64>,
    pub burst_per_min: Option<u64>,
    /// New instances a minute of single namespaces that bought a budget of their own (spec: BUR-08).
    pub namespace_burst_per_min: std::collections::BTreeMap<String, u64>,
    /// Milliseconds between new instances of one app: for HTTP calls and for all others. Azure's rule.
    pub start_interval_http_ms: Option<u64>,
    pub start_interval_other_ms: Option<u64>,
    pub provisioned_burst_per_min: Option<u64>,
    /// Start provisioned instances faster than that while many are missing (spec: BUR-06).
    pub provisioned_burst_adaptive: bool,
    /// How often target tracking looks at the load.
    pub tracking_tick_s: u32,
    /// How long after any change of its own it may lower the number.
    pub tracking_in_window_s: u32,
    /// How much lower at once.
    pub tracking_in_step: TrackingStep,
    /// Zone of scheduled actions that name none (spec: C12).
    pub schedule_tz: String,
    /// Scheduled actions of one version.
    pub scheduled_actions: Option<u64>,
    /// FC's limits on single aliases, over a region.
    pub on_demand_rules: Option<u64>,
    /// Calls of one function that may wait for an instance instead of being refused, and for how long.
    pub wait_queue_depth: u64,
    pub wait_queue_ms: u64,
    pub timeout_default_s: u32,
    pub timeout_min_s: u32,
    pub timeout_max_s: u32,
    pub init_timeout_default_s: u32,
    pub init_timeout_min_s: u32,
    pub init_timeout_max_s: u32,
    pub memory_default_mb: u32,
    pub memory_min_mb: u32,
    pub memory_max_mb: u32,
    pub memory_step_mb: u32,
    /// Sizes allowed besides the steps.
    pub memory_extra_mb: Vec<u32>,
    pub instance_concurrency_max: u32,
    pub code_total_gb: Option<f64>,
    pub code_unzipped_mb: Option<f64>,
    /// Largest package sent in a request, zipped.
    pub code_zip_mb: f64,
    pub namespaces: Option<u64>,
    pub functions_per_namespace: Option<u64>,
    pub triggers_per_type: Option<u64>,
    pub env_kb: f64,
    pub layers_per_function: Option<u64>,
    pub layers: Option<u64>,
    pub versions_per_layer: Option<u64>,
    pub sync_payload_mb: f64,
    pub response_mb: f64,
    pub async_payload_kb: f64,
    pub description_chars: u32,
    /// MB cap of single namespaces, by name; a namespace that is not listed has none of its own.
    pub namespace_concurrency_mb: std::collections::BTreeMap<String, u64>,
    /// How long an idle instance is kept for reuse, while too little is known of a function. The larger, the more memory
    /// a cold start is worth.
    pub keep_alive_s: u32,
    /// Learn from the gaps between a function's calls how long to keep its instances (spec: CON-10).
    pub keep_alive_adaptive: bool,
    /// Bytes and lines of log kept per request in any 5 s, and bytes of one line.
    pub log_window_bytes: u64,
    pub log_window_lines: u64,
    pub log_line_bytes: u64,
}

/// An environment of CloudBase never has more (spec: QSY-06).
const CLOUDBASE_MB: u64 = 256_000;

/// Regions whose default profile is `scf-128`; all others get `scf-64` (spec: QUO-02, QUO-03).
const LARGE_REGIONS: &[&str] = &["ap-guangzhou", "ap-shanghai", "ap-beijing", "ap-chengdu", "ap-hongkong"];

impl QuotaProfile {
    /// The profile a region starts with.
    pub fn default_for(dialect: Dialect, region: &Region) -> Self {
        match dialect {
            Dialect::Scf if LARGE_REGIONS.contains(&region.as_str()) => Self::named(Profile::Scf128),
            Dialect::Scf => Self::named(Profile::Scf64),
            Dialect::Fc => Self::named(Profile::Fc),
        }
    }

    pub fn named(profile: Profile) -> Self {
        let scf = Self::scf(profile);
        match profile {
            Profile::Scf128 => scf,
            Profile::Scf64 => Self { concurrency_mb: Some(64_000), concurrency_max_mb: Some(64_000), ..scf },
            Profile::CloudbasePersonal => Self::cloudbase(scf, 500),
            Profile::CloudbaseEnterprise => Self::cloudbase(scf, 1000),
            Profile::Fc => Self::fc(),
            Profile::AzureConsumption => Self::azure(profile),
            Profile::AzureDedicated => Self {
                on_demand_instances: None,
                timeout_default_s: 1800,
                timeout_max_s: u32::MAX,
                memory_min_mb: 128,
                memory_max_mb: 14_336,
                memory_step_mb: 128,
                ..Self::azure(profile)
            },
        }
    }

    /// A region stands for one app here, whose instances the plan counts.
    fn azure(profile: Profile) -> Self {
        Self {
            profile,
            on_demand_instances: Some(200),
            start_interval_http_ms: Some(1_000),
            start_interval_other_ms: Some(30_000),
            scheduled_actions: None,
            on_demand_rules: None,
            timeout_default_s: 300,
            timeout_max_s: 600,
            memory_default_mb: 1536,
            memory_min_mb: 1536,
            memory_max_mb: 1536,
            memory_step_mb: 1536,
            instance_concurrency_max: u32::MAX,
            code_unzipped_mb: None,
            layers_per_function: None,
            ..Self::fc()
        }
    }

    fn cloudbase(scf: Self, burst_per_min: u64) -> Self {
        Self {
            concurrency_mb: Some(CLOUDBASE_MB),
            concurrency_max_mb: Some(CLOUDBASE_MB),
            burst_per_min: Some(burst_per_min),
            instance_concurrency_max: 1,
            ..scf
        }
    }

    fn scf(profile: Profile) -> Self {
        Self {
            profile,
            concurrency_mb: Some(128_000),
            concurrency_max_mb: Some(128_000),
            on_demand_instances: None,
            unallocatable_mb: Some(12_800),
            burst_per_min: Some(500),
            namespace_burst_per_min: Default::default(),
            start_interval_http_ms: None,
            start_interval_other_ms: None,
            provisioned_burst_per_min: Some(100),
            provisioned_burst_adaptive: false,
            tracking_tick_s: 10,
            tracking_in_window_s: 600,
            tracking_in_step: TrackingStep::Full,
            schedule_tz: "Asia/Shanghai".to_owned(),
            scheduled_actions: Some(100),
            on_demand_rules: None,
            wait_queue_depth: 0,
            wait_queue_ms: 0,
            timeout_default_s: 3,
            timeout_min_s: 1,
            timeout_max_s: 900,
            init_timeout_default_s: 60,
            init_timeout_min_s: 3,
            init_timeout_max_s: 300,
            memory_default_mb: 128,
            memory_min_mb: 128,
            memory_max_mb: 3072,
            memory_step_mb: 128,
            memory_extra_mb: vec![64],
            instance_concurrency_max: 100,
            code_total_gb: Some(100.0),
            code_unzipped_mb: Some(500.0),
            code_zip_mb: 50.0,
            namespaces: Some(5),
            functions_per_namespace: Some(50),
            triggers_per_type: Some(10),
            env_kb: 4.0,
            layers_per_function: Some(5),
            layers: Some(20),
            versions_per_layer: Some(200),
            sync_payload_mb: 6.0,
            response_mb: 6.0,
            async_payload_kb: 128.0,
            description_chars: 1000,
            namespace_concurrency_mb: Default::default(),
            keep_alive_s: 300,
            keep_alive_adaptive: true,
            log_window_bytes: 1 << 20,
            log_window_lines: 5000,
            log_line_bytes: 8192,
        }
    }

    fn fc() -> Self {
        Self {
            concurrency_mb: None,
            concurrency_max_mb: None,
            on_demand_instances: Some(300),
            unallocatable_mb: None,
            burst_per_min: None,
            provisioned_burst_per_min: None,
            tracking_tick_s: 60,
            tracking_in_window_s: 0,
            tracking_in_step: TrackingStep::Gradual,
            schedule_tz: "UTC".to_owned(),
            on_demand_rules: Some(100),
            timeout_default_s: 60,
            timeout_max_s: 600,
            init_timeout_default_s: 3,
            init_timeout_min_s: 1,
            memory_default_mb: 512,
            memory_step_mb: 64,
            memory_extra_mb: Vec::new(),
            code_total_gb: None,
            code_unzipped_mb: Some(500.0),
            code_zip_mb: 100.0,
            namespaces: None,
            functions_per_namespace: None,
            triggers_per_type: None,
            layers: None,
            versions_per_layer: None,
            ..Self::scf(Profile::Fc)
        }
    }

    /// Applies a JSON merge patch. A `profile` key resets everything to that profile first. Unknown keys and
    /// wrong types are refused, and nothing is changed then.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self> {
        let refuse = |message: String| Error::invalid(Field::Other("quota"), message);
        let base = match patch.get("profile") {
            Some(name) => {
                let profile = serde_json::from_value(name.clone())
                    .map_err(|_| refuse(format!("unknown quota profile {name}: use scf-128, scf-64, cloudbase-personal, cloudbase-enterprise, fc, azure-consumption or azure-dedicated")))?;
                Self::named(profile)
            }
            None => self.clone(),
        };
        let Ok(Value::Object(mut document)) = serde_json::to_value(&base) else { return Err(Error::internal()) };
        for (key, value) in patch {
            if !document.contains_key(key) {
                return Err(refuse(format!("unknown quota key '{key}'")));
            }
            check_range(key, value).map_err(refuse)?;
            document.insert(key.clone(), value.clone());
        }
        let mut next: Self = serde_json::from_value(Value::Object(document))
            .map_err(|error| refuse(format!("bad quota value: {error}")))?;
        next.settle_concurrency(patch.contains_key("concurrency_max_mb")).map_err(refuse)?;
        Ok(next)
    }

    /// The total stays within what the account has, which an operator raises by raising the total.
    fn settle_concurrency(&mut self, bought: bool) -> std::result::Result<(), String> {
        let fixed = matches!(self.profile, Profile::CloudbasePersonal | Profile::CloudbaseEnterprise);
        let within = |mb: Option<u64>| mb.is_some_and(|mb| mb <= CLOUDBASE_MB);
        if fixed && !(within(self.concurrency_mb) && within(self.concurrency_max_mb)) {
            return Err(format!(
                "an environment of CloudBase has at most {CLOUDBASE_MB} MB: use {CLOUDBASE_MB} or less for \
                 concurrency_mb and concurrency_max_mb"
            ));
        }
        match (self.concurrency_mb, self.concurrency_max_mb) {
            (Some(total), Some(max)) if total > max && (fixed || bought) => {
                Err(format!("concurrency_mb {total} is more than concurrency_max_mb {max}"))
            }
            (Some(total), Some(max)) => {
                self.concurrency_max_mb = Some(max.max(total));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub fn sync_payload_bytes(&self) -> usize {
        mebibytes(self.sync_payload_mb)
    }
    pub fn response_bytes(&self) -> usize {
        mebibytes(self.response_mb)
    }
    pub fn code_zip_bytes(&self) -> usize {
        mebibytes(self.code_zip_mb)
    }
    pub fn env_bytes(&self) -> usize {
        (self.env_kb * 1024.0) as usize
    }
}

/// Numbers stay where sums and times of them can still be reckoned with; times within a day.
fn check_range(key: &str, value: &Value) -> std::result::Result<(), String> {
    const DAY_MS: f64 = 86_400_000.0;
    const LARGEST: f64 = 1e12;
    let numbers: Vec<(&str, f64)> = match value {
        Value::Number(number) => number.as_f64().map(|number| (key, number)).into_iter().collect(),
        Value::Object(named) => {
            named.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?))).collect()
        }
        _ => Vec::new(),
    };
    let largest = if key.ends_with("_ms") { DAY_MS } else { LARGEST };
    match numbers.iter().find(|(_, number)| !(0.0..=largest).contains(number)) {
        Some((name, number)) => {
            Err(format!("bad quota value: {number} for '{name}': use a number from 0 to {largest}"))
        }
        None => Ok(()),
    }
}

fn mebibytes(value: f64) -> usize {
    (value * 1024.0 * 1024.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_their_documented_size() {
        let of = |region: &str| QuotaProfile::default_for(Dialect::Scf, &region.into()).concurrency_mb;
        // spec: QUO-02
        assert_eq!(of("ap-guangzhou"), Some(128_000));
        // spec: QUO-03
        assert_eq!(of("ap-singapore"), Some(64_000));
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_on_error() {
        let base = QuotaProfile::named(Profile::Scf128);
        let patch = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let raised = base.patched(&patch(r#"{"namespaces": 7}"#)).unwrap();
        assert_eq!(raised.namespaces, Some(7));
        assert_eq!(raised.functions_per_namespace, Some(50));
        assert_eq!(base.patched(&patch(r#"{"namespaces": null}"#)).unwrap().namespaces, None);
        assert!(base.patched(&patch(r#"{"name_spaces": 7}"#)).is_err());
        assert!(base.patched(&patch(r#"{"namespaces": "many"}"#)).is_err());
        assert_eq!(base.patched(&patch(r#"{"profile": "fc"}"#)).unwrap().on_demand_instances, Some(300));
    }

    #[test]
    fn numbers_out_of_reason_are_refused() {
        let base = QuotaProfile::named(Profile::Scf128);
        let refused = |text: &str| base.patched(&serde_json::from_str(text).unwrap()).unwrap_err().message;
        assert!(refused(r#"{"wait_queue_ms": 18446744073709551615}"#).contains("from 0 to 86400000"));
        assert!(refused(r#"{"start_interval_http_ms": 86400001}"#).contains("86400001 for 'start_interval_http_ms'"));
        assert!(refused(r#"{"unallocatable_mb": 18446744073709551615}"#).contains("from 0 to 1000000000000"));
        assert!(refused(r#"{"code_zip_mb": -1}"#).contains("-1 for 'code_zip_mb'"));
        assert!(refused(r#"{"namespace_concurrency_mb": {"a": -5}}"#).contains("-5 for 'a'"));
    }

    #[test]
    fn an_environment_of_cloudbase_is_never_larger() {
        let base = QuotaProfile::named(Profile::CloudbasePersonal);
        let patched = |text: &str| base.patched(&serde_json::from_str(text).unwrap());
        // spec: QSY-06
        assert!(patched(r#"{"concurrency_mb": 256000}"#).is_ok());
        assert!(patched(r#"{"concurrency_mb": 300000, "concurrency_max_mb": 300000}"#).is_err());
        assert!(patched(r#"{"concurrency_mb": null}"#).is_err());
        assert!(patched(r#"{"concurrency_max_mb": null}"#).is_err());
        assert_eq!(base.instance_concurrency_max, 1);
    }

    #[test]
    fn azure_has_intervals_in_place_of_a_burst() {
        let quota = QuotaProfile::named(Profile::AzureConsumption);
        assert_eq!((quota.start_interval_http_ms, quota.start_interval_other_ms), (Some(1000), Some(30_000)));
        assert_eq!((quota.on_demand_instances, quota.burst_per_min), (Some(200), None));
        assert_eq!(QuotaProfile::named(Profile::AzureDedicated).on_demand_instances, None);
    }
}
