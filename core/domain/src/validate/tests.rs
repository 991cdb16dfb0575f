use super::*;
use crate::Profile;

fn config(dialect: Dialect) -> FunctionConfig {
    FunctionConfig {
        runtime: match dialect {
            Dialect::Scf => "Python3.7".into(),
            Dialect::Fc => "python3".into(),
        },
        handler: "index.main_handler".into(),
        initializer: None,
        description: String::new(),
        memory_mib: 128,
        timeout_s: 3,
        init_timeout_s: 60,
        environment: BTreeMap::new(),
        public_network: true,
        instance_concurrency: 1,
        attributes: Default::default(),
    }
}

fn scf(change: impl FnOnce(&mut FunctionConfig)) -> Result<()> {
    let mut config = config(Dialect::Scf);
    change(&mut config);
    check_config(Dialect::Scf, &config, &QuotaProfile::named(Profile::Scf128))
}

fn fc(change: impl FnOnce(&mut FunctionConfig)) -> Result<()> {
    let mut config = config(Dialect::Fc);
    change(&mut config);
    check_config(Dialect::Fc, &config, &QuotaProfile::named(Profile::Fc))
}

#[test]
fn scf_memory_is_64_or_steps_of_128() {
    // spec: QUO-17
    for good in [64, 128, 256, 3072] {
        assert!(scf(|c| c.memory_mib = good).is_ok(), "{good}");
    }
    for bad in [0, 63, 96, 192, 3200] {
        assert_eq!(scf(|c| c.memory_mib = bad).unwrap_err().kind, crate::ErrorKind::Invalid(Field::Memory), "{bad}");
    }
}

#[test]
fn fc_memory_has_steps_of_64() {
    // spec: FFN-03
    for good in [128, 192, 3072] {
        assert!(fc(|c| c.memory_mib = good).is_ok(), "{good}");
    }
    for bad in [64, 100, 3136] {
        assert!(fc(|c| c.memory_mib = bad).is_err(), "{bad}");
    }
}

#[test]
fn timeouts_keep_their_ranges() {
    // spec: QUO-19
    assert!(scf(|c| c.timeout_s = 1).is_ok());
    assert!(scf(|c| c.timeout_s = 900).is_ok());
    assert!(scf(|c| c.timeout_s = 0).is_err());
    assert!(scf(|c| c.timeout_s = 901).is_err());
    // spec: FUN-17
    assert!(scf(|c| c.init_timeout_s = 2).is_err());
    assert!(scf(|c| c.init_timeout_s = 301).is_err());
    // spec: FFN-04
    assert!(fc(|c| c.timeout_s = 601).is_err());
}

#[test]
fn environment_is_at_most_4_kb_and_reserves_names() {
    // spec: QUO-11
    let variables = |bytes: usize| BTreeMap::from([("K".to_owned(), "v".repeat(bytes - 1))]);
    assert!(scf(|c| c.environment = variables(4096)).is_ok());
    assert_eq!(
        scf(|c| c.environment = variables(4097)).unwrap_err().kind,
        crate::ErrorKind::Invalid(Field::EnvironmentSize)
    );
    for bad in ["SCF_X", "QCLOUD_X", "TENCENTCLOUD_X", "1A", "A-B", ""] {
        assert!(scf(|c| c.environment = BTreeMap::from([(bad.to_owned(), String::new())])).is_err(), "{bad}");
    }
    for bad in ["FC_X", "topic", "accessKeyID"] {
        assert!(fc(|c| c.environment = BTreeMap::from([(bad.to_owned(), String::new())])).is_err(), "{bad}");
    }
}

#[test]
fn names_have_their_alphabets() {
    // spec: FUN-07, QUO-07
    let good = |name: &str| check_function_name(Dialect::Scf, "default", name).is_ok();
    assert!(good("ab") && good("a1") && good(&"a".repeat(60)) && good("a-b_c"));
    for bad in ["a", "1a", "_a", "-a", "a-", "a_", "a b", "a.b", "é1", &"a".repeat(61)] {
        assert!(!good(bad), "{bad}");
    }
    // spec: QUO-08
    let namespace = "n".repeat(60);
    assert!(check_function_name(Dialect::Scf, &namespace, &"f".repeat(58)).is_ok());
    assert!(check_function_name(Dialect::Scf, &namespace, &"f".repeat(59)).is_err());
    // spec: FSV-02, FFN-01
    for good in ["a", "_a", "A-1_b", &"a".repeat(128)] {
        assert!(check_namespace_name(Dialect::Fc, good).is_ok(), "{good}");
        assert!(check_function_name(Dialect::Fc, "s", good).is_ok(), "{good}");
    }
    for bad in ["", "1a", "-a", "a.b", "a b", &"a".repeat(129)] {
        assert!(check_namespace_name(Dialect::Fc, bad).is_err(), "{bad}");
        assert!(check_function_name(Dialect::Fc, "s", bad).is_err(), "{bad}");
    }
}

#[test]
fn description_has_at_most_1000_characters() {
    // spec: FUN-08
    assert!(scf(|c| c.description = "é".repeat(1000)).is_ok());
    assert!(scf(|c| c.description = "a".repeat(1001)).is_err());
}

#[test]
fn a_handler_has_two_parts_and_stays_inside_the_package() {
    // spec: FUN-13
    for bad in ["", "index", ".main", "index.", "../x.main", "/etc/x.main"] {
        assert_eq!(
            scf(|c| c.handler = bad.into()).unwrap_err().kind,
            crate::ErrorKind::Invalid(Field::Handler),
            "{bad}"
        );
    }
    assert!(fc(|c| c.handler = "dir/file.handler".into()).is_ok());
}

#[test]
fn runtimes_are_known_or_refused_with_the_list() {
    // spec: RTM-16
    for id in [
        "nodejs6",
        "nodejs8",
        "nodejs10",
        "nodejs12",
        "python2.7",
        "python3",
        "php7.2",
        "dotnetcore2.1",
        "custom",
        "custom-container",
    ] {
        assert!(KnownRuntime::find(Dialect::Fc, id).is_some(), "{id}");
    }
    let error = fc(|c| c.runtime = "python9".into()).unwrap_err();
    assert!(error.message.contains("Runtime is set to an invalid value") && error.message.contains("python3.10"));
}

#[test]
fn instance_concurrency_is_for_fc_node_and_custom() {
    assert!(fc(|c| c.instance_concurrency = 10).is_err());
    assert!(
        fc(|c| {
            c.runtime = "nodejs12".into();
            c.instance_concurrency = 10
        })
        .is_ok()
    );
    assert!(
        fc(|c| {
            c.runtime = "nodejs12".into();
            c.instance_concurrency = 101
        })
        .is_err()
    );
    assert!(scf(|c| c.instance_concurrency = 2).is_err());
}

#[test]
fn alias_names_have_their_alphabets() {
    // spec: ALI-01 (names)
    for good in ["ab", "Prod", "v1-2_3", &"a".repeat(60)] {
        assert!(check_alias_name(Dialect::Scf, good).is_ok(), "{good}");
    }
    for bad in ["", "a", "1a", "-a", "_a", "a-", "a_", "a b", "$DEFAULT", "\u{522b}\u{540d}", &"a".repeat(61)] {
        assert_eq!(
            check_alias_name(Dialect::Scf, bad).unwrap_err().kind,
            crate::ErrorKind::Invalid(Field::AliasName),
            "{bad}"
        );
    }
    for good in ["a", "_", "prod-", &"a".repeat(128)] {
        assert!(check_alias_name(Dialect::Fc, good).is_ok(), "{good}");
    }
    for bad in ["", "LATEST", "1a", "-a", "a.b", &"a".repeat(129)] {
        assert!(check_alias_name(Dialect::Fc, bad).is_err(), "{bad}");
    }
}
