#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sluice_properties::fc_signature(text));
