//! What a request says about a function; absent means unchanged, or the default.

use crate::{fields::Fields, functions::document, shape};
use serde_json::{Map, Value};
use sluice_domain::{Error, Field, FunctionConfig, QuotaProfile, Result};
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Settings {
    pub runtime: Option<String>,
    pub handler: Option<String>,
    initializer: Option<String>,
    description: Option<String>,
    memory_mib: Option<u32>,
    timeout_s: Option<u32>,
    init_timeout_s: Option<u32>,
    instance_concurrency: Option<u32>,
    environment: Option<BTreeMap<String, String>>,
    instance_type: Option<InstanceType>,
    attributes: Map<String, Value>,
}

/// How large instances may get. An enhanced function never goes back (spec: FFN-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceType {
    Elastic,
    Enhanced,
}

/// A function of which nothing is said but what is required.
pub fn defaults(quota: &QuotaProfile) -> FunctionConfig {
    FunctionConfig {
        runtime: String::new(),
        handler: String::new(),
        initializer: None,
        description: String::new(),
        memory_mib: quota.memory_default_mb,
        timeout_s: quota.timeout_default_s,
        init_timeout_s: quota.init_timeout_default_s,
        environment: BTreeMap::new(),
        // The service decides; the engine lets code out only where both allow it.
        public_network: true,
        instance_concurrency: 1,
        attributes: Map::new(),
    }
}

impl Settings {
    pub fn read(fields: &mut Fields) -> Result<Self> {
        let settings = Self {
            runtime: runtime(fields)?,
            handler: fields.text("handler")?,
            initializer: fields.text("initializer")?,
            description: fields.text("description")?,
            memory_mib: fields.number("memorySize")?,
            timeout_s: fields.number("timeout")?,
            init_timeout_s: fields.number("initializationTimeout")?,
            instance_concurrency: fields.number("instanceConcurrency")?,
            environment: fields.texts_by_name("environmentVariables")?,
            instance_type: fields.text("instanceType")?.as_deref().map(InstanceType::parse).transpose()?.flatten(),
            attributes: shape::read(fields, document::ATTRIBUTES)?,
        };
        match settings.attributes.get("layers").and_then(Value::as_array) {
            Some(layers) if !layers.is_empty() => {
                Err(Error::invalid(Field::Layers, "layers are not available yet: leave them out"))
            }
            _ => Ok(settings),
        }
    }

    pub fn apply(self, config: &mut FunctionConfig) -> Result<()> {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut config.runtime, self.runtime);
        set(&mut config.handler, self.handler);
        set(&mut config.description, self.description);
        set(&mut config.memory_mib, self.memory_mib);
        set(&mut config.timeout_s, self.timeout_s);
        set(&mut config.init_timeout_s, self.init_timeout_s);
        set(&mut config.instance_concurrency, self.instance_concurrency);
        set(&mut config.environment, self.environment);
        set(&mut config.initializer, self.initializer.map(|text| Some(text).filter(|text| !text.is_empty())));
        config.attributes.extend(self.attributes);
        if let Some(wanted) = self.instance_type {
            if InstanceType::of(config) == InstanceType::Enhanced && wanted == InstanceType::Elastic {
                let message = "instanceType cannot go back from c1 (enhanced) to e1 (elastic)";
                return Err(Error::invalid(Field::InstanceType, message));
            }
            config.attributes.insert("instanceType".to_owned(), wanted.as_str().into());
        }
        Ok(())
    }
}

/// Anything but text is an unknown runtime too: clients pass on whatever they were given and look for this text.
fn runtime(fields: &mut Fields) -> Result<Option<String>> {
    match fields.take("runtime") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            Err(Error::invalid(Field::Runtime, format!("Runtime is set to an invalid value: {other} is not a string")))
        }
    }
}

impl InstanceType {
    /// Empty means unset.
    fn parse(text: &str) -> Result<Option<Self>> {
        match text {
            "" => Ok(None),
            "e1" | "ElasticInstance" => Ok(Some(Self::Elastic)),
            "c1" | "EnhancedInstance" => Ok(Some(Self::Enhanced)),
            other => Err(Error::invalid(
                Field::InstanceType,
                format!("instanceType '{other}' is not available: use e1 (elastic) or c1 (enhanced)"),
            )),
        }
    }

    pub fn of(config: &FunctionConfig) -> Self {
        match config.attributes.get("instanceType").and_then(Value::as_str) {
            Some("c1") => Self::Enhanced,
            _ => Self::Elastic,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Elastic => "e1",
            Self::Enhanced => "c1",
        }
    }
}
