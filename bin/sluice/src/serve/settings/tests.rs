use super::*;

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn flags_of(line: &str) -> Layer {
    Single::try_parse_from(line.split_whitespace()).map(|single| single.layer).unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    fs::write(&file, "drain_s = 1\nblanks_max = 1\nregion = \"from-file\"\nlog_format = \"json\"\n").unwrap();
    let variables = environment(&[("SLUICE_DRAIN_S", "2"), ("SLUICE_BLANKS_MAX", "2"), ("HOME", "/h")]);
    let settings = resolve(flags_of("--drain-s 3"), &variables, Some(file.clone())).unwrap();
    assert_eq!((settings.drain_s, settings.blanks_max), (3, 2));
    assert_eq!((settings.region.as_str(), settings.log_format), ("from-file", LogFormat::Json));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:9400");
    assert_eq!(settings.data_dir, Path::new("/h/.local/share/sluice"));
    let named = environment(&[("SLUICE_CONFIG", file.to_str().unwrap())]);
    assert_eq!(resolve(Layer::default(), &named, None).unwrap().drain_s, 1);
}

#[test]
fn the_file_of_the_data_directory_is_read_unless_another_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let flags = || Layer { data_dir: Some(dir.path().to_owned()), ..Layer::default() };
    assert_eq!(resolve(flags(), &environment(&[]), None).unwrap().drain_s, 30);
    fs::write(dir.path().join("sluice.toml"), "drain_s = 7").unwrap();
    assert_eq!(resolve(flags(), &environment(&[]), None).unwrap().drain_s, 7);
    fs::write(dir.path().join("sluice.toml"), "data_dir = \"/elsewhere\"").unwrap();
    assert!(format!("{:#}", resolve(flags(), &environment(&[]), None).unwrap_err()).contains("--config"));
}

#[test]
fn what_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |text: &str| {
        let file = dir.path().join("bad.toml");
        fs::write(&file, text).unwrap();
        format!("{:#}", resolve(Layer::default(), &environment(&[]), Some(file)).unwrap_err())
    };
    assert!(refusal("liste = \"127.0.0.1:1\"").contains("unknown field `liste`"));
    assert!(refusal("listen = \"nonsense\"").contains("listen"));
    assert!(refusal("region = \"a b\"").contains("region 'a b'"));
    let missing = resolve(Layer::default(), &environment(&[]), Some(dir.path().join("none.toml"))).unwrap_err();
    assert!(missing.to_string().contains("none.toml"));
    let variable = resolve(Layer::default(), &environment(&[("SLUICE_DRAIN_S", "soon")]), None).unwrap_err();
    assert!(variable.to_string().starts_with("SLUICE_DRAIN_S: invalid value 'soon'"), "{variable}");
}

#[test]
fn switches_take_a_value_or_none() {
    let of = |line: &str| flags_of(line).strict_runtimes;
    assert_eq!((of(""), of("--strict-runtimes"), of("--strict-runtimes=false")), (None, Some(true), Some(false)));
    let variables = environment(&[("SLUICE_STRICT_RUNTIMES", "1"), ("SLUICE_INSECURE_NO_SANDBOX", "no")]);
    let settings = resolve(Layer::default(), &variables, None).unwrap();
    assert!(settings.strict_runtimes && !settings.insecure_no_sandbox);
    let over = resolve(flags_of("--strict-runtimes=false"), &variables, None).unwrap();
    assert!(!over.strict_runtimes, "off by flag wins over on by environment");
}

#[test]
fn variables_that_are_no_settings_are_found() {
    let variables =
        environment(&[("SLUICE_LISEN", "x"), ("SLUICE_LISTEN", "y"), ("SLUICE_ENDPOINT", "z"), ("PATH", "p")]);
    assert_eq!(unknown_variables(&variables), ["SLUICE_LISEN"]);
}

#[test]
fn what_is_printed_can_be_read_back() {
    let settings = resolve(Layer::default(), &environment(&[("HOME", "/h")]), None).unwrap();
    let layer: Layer = toml::from_str(&settings.to_string()).unwrap();
    assert_eq!(layer.complete(&environment(&[])).unwrap(), settings);
}

#[test]
fn every_key_has_its_place_in_the_documentation() {
    let page = include_str!("../../../../../docs/configuration.md");
    for flag in flags() {
        let key = flag.replace('-', "_");
        assert!(page.contains(&format!("| `{key}` | `{}` |", variable(&flag))), "docs/configuration.md lacks {key}");
    }
}
